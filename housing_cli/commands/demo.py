"""`housing demo`: the loop, played on the shipped data."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from housing_cli.commands.options import Config, Json, carried
from housing_cli.show.printer import progress_bars
from housing_cli.show.result import Result

EXAMPLE = "housing demo --into housing-demo"


def command(
    into: Annotated[
        Path,
        typer.Option("--into", metavar="DIR", help="An empty directory, or one to make."),
    ] = Path(),
    config: Config = None,
    as_json: Json = False,
) -> Result | int:
    """Play the loop on the shipped data: train, serve, judge, retrain, judge again.

    Takes about a minute, and gives the same figures each time. Every command that it prints is one
    that you may type; directory, registry and log stay for that. Of a settings file it takes what
    is no place: another model, say. Variables do not count.
    """
    import housing_cli.loop.train  # noqa: F401 - what cannot be imported leaves no stage behind
    from housing_cli.loop.demo import check_settings, stage
    from housing_cli.show.demo import Teller, UnheardError, ended

    if config is not None:
        config = config.resolve()  # the demo stands elsewhere
        check_settings(config)
    teller, start = Teller(silent=as_json), time.monotonic()
    try:
        with stage(into) as later:
            steps = _play(later, teller, config)
    except UnheardError as error:
        return error.code
    return ended(steps, into, time.monotonic() - start, carried(config))


def _play(later: list[dict[str, float]], teller: Any, config: Path | None) -> list[dict[str, Any]]:
    """Play the steps; return what each printed as `--json`."""
    from housing_cli.commands import evaluate, retrain, train
    from housing_cli.loop.demo import MOVE, MOVED, USUAL, serving

    steps: list[dict[str, Any]] = []

    def play(words: str, run: Callable[..., Result], **options: Any) -> None:
        words += carried(config)
        teller.typed(words)
        result = run(**options, config=config)
        teller.told(result)
        steps.append({
            "command": f"housing {words}", "exit_code": int(result.exit_code),
            "status": result.status, "data": dict(result.data),
        })  # fmt: skip

    play("train --tag first", train.command, tag="first")
    with serving(carried(config)) as server:

        def sell(first: int, last: int, factor: float, said: str) -> None:
            teller.happens(said)
            with progress_bars() as progress:
                server.sell(
                    later[first:last], factor, lambda done: progress("sold", done, last - first)
                )

        moved = USUAL + MOVED
        teller.happens("`housing serve` answers, on a free port")
        sell(0, USUAL, 1.0, f"{USUAL} unseen houses are priced, and sold at their real prices")
        play("evaluate", evaluate.command)
        sell(USUAL, moved, MOVE, f"{MOVED} more, after prices have risen by {MOVE - 1:.0%}")
        play("evaluate", evaluate.command)
        tag = "after-the-rise"
        play(f"retrain --promote --tag {tag}", retrain.command, promote=True, tag=tag)
        server.follow("v2")
        fresh = len(later) - moved
        sell(moved, len(later), MOVE, f"the server answers with v2; {fresh} fresh houses are sold")
        play("evaluate", evaluate.command)
    return steps
