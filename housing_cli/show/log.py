"""What `housing log` says of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housing_cli.show.advice import next_note
from housing_cli.show.result import Result

if TYPE_CHECKING:
    from housing_cli.prediction_log.records import Initialized


def initialized(where: str, done: Initialized, carried: str = "") -> Result:
    """Return the result of `housing log init` for the log `where`.

    carried: options that the next command needs as well.
    """
    from housing_cli.prediction_log import formats

    notes = [f"granted: {statement}" for statement in done.granted]
    notes += [f"to grant, where the server has a role of its own: {s}" for s in done.to_grant]
    if done.before == 0:
        said = f"made `{where}`, format {done.format}"
    elif done.before < done.format:
        said = f"`{where}` had format {done.before} and has {done.format}"
    else:
        said = f"`{where}` is there, format {done.format}"
        if done.format < formats.FORMAT:
            notes.append(f"this version writes format {formats.FORMAT}")
            notes.append(next_note(f"log init --migrate{carried}"))
    data = {
        "url": where,
        "before": done.before,
        "format": done.format,
        "granted": list(done.granted),
        "to_grant": list(done.to_grant),
    }
    return Result("log init", data, show=[said], notes=notes)
