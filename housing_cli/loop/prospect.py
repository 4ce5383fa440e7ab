"""What would come of a retraining, as far as is known without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from housing_cli.config import Settings
from housing_cli.errors import GateRefused, HousingError, InsufficientEvidence
from housing_cli.judging.reference import load_reference
from housing_cli.loop.feedback import read_feedback
from housing_cli.loop.own_table import base_table
from housing_cli.loop.promote import refusal
from housing_cli.loop.retrain import champion_of, same_labels
from housing_cli.loop.train import data_info
from housing_cli.registry import Version, open_registry


@dataclass(frozen=True, slots=True)
class Prospect:
    """What `housing retrain --promote` would meet.

    labels: how many more are to be waited for, 0 for none. challenger: a version that was made of
    the same labels, won, and waits. why: it would be refused, or fail; empty where nothing is in
    its way. hint: what to do about it, where more labels are no help; with `labels`: what else
    mends it at once.
    """

    labels: int = 0
    challenger: str | None = None
    why: str = ""
    hint: str = ""


def prospect(settings: Settings) -> Prospect:
    """Look at what a retraining of production would learn; nothing is fitted or written."""
    registry, more = open_registry(settings), settings.retrain.min_samples
    try:
        registry.check_signing()
        learned, champion, _ = champion_of(settings, registry)
        base = base_table(learned, champion, named=False).table
        learned = learned.learned(base.kinds)
        rule = load_reference(registry, champion).label_rule(settings.retrain.max_level)
        feedback = read_feedback(learned, rule)
        info = msgspec.structs.replace(
            data_info(base),
            feedback_rows=len(feedback.rows),
            feedback_sha256=feedback.fingerprint(),
        )
        waiting = same_labels(learned, registry, champion, info)
    except InsufficientEvidence as error:
        missing = int(str(error.evidence["needed"])) - int(str(error.evidence["labeled"]))
        return Prospect(missing, why=error.message)
    except GateRefused as error:  # what learned from these labels served already
        again = error.hint.partition("; else ")[0] if "serves it again" in error.hint else ""
        return Prospect(more, why=error.message, hint=again)
    except HousingError as error:
        return Prospect(why=error.message, hint=error.hint)
    return Prospect() if waiting is None else _of(settings, waiting, more)


def _of(settings: Settings, waiting: Version, more: int) -> Prospect:
    """Return what there is of a challenger that waits; more: labels that would make another."""
    told: Any = waiting.metadata.evidence["comparison"]
    refused = "; ".join(told["reasons"]) if not told["wins"] else refusal(settings, waiting)
    if refused:
        return Prospect(more, why=f"{waiting.name}, of the same labels, is refused: {refused}")
    return Prospect(challenger=waiting.name)
