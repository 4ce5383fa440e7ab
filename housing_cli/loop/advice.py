"""What a verdict calls for: the one thing to do next, and what is known that leads to it.

Looked at only where a version is degraded (`loop.cure`): a healthy judgment costs nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from housing_cli.config import Settings
from housing_cli.loop.evaluation import Evaluation

if TYPE_CHECKING:
    from housing_cli.loop.rivals import Rival

Action = Literal["none", "look", "promote", "retrain", "wait", "mend"]


@dataclass(frozen=True, slots=True)
class Since:
    """When errors grew: `at`, epoch seconds of the first prediction, or of its UTC day (by_day).

    n: labels since then. before, after: the metric; `before` is `None` where there are too few
    rows before it (from_start: it may have been earlier). p_value: of any change.
    """

    at: float
    by_day: bool
    n: int
    before: float | None
    after: float
    from_start: bool
    p_value: float


@dataclass(frozen=True, slots=True)
class WorstRow:
    """One of the rows with the largest errors; time: epoch seconds; error: predicted - real."""

    id: str
    time: float
    predicted: float
    real: float
    error: float


@dataclass(frozen=True, slots=True)
class Next:
    """What to do: `none`, `wait` for so many more labels, or the words after `housing`.

    action `look`: another version is production, and that one is to be judged; `mend`: `why` says
    what stands in the way of a retraining, and `hint` what to do about it; of `wait` it may name
    what was rolled back, and would mend it at once.
    """

    action: Action
    command: str | None = None
    why: str = ""
    labels: int | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a judgment calls for; worst_rows: the largest errors first; rivals: the best first."""

    next: Next
    since: Since | None = None
    worst_rows: tuple[WorstRow, ...] = ()
    rivals: tuple[Rival, ...] = ()

    @property
    def better(self) -> Rival | None:
        """Return the version that is healthy where the judged one is not, if there is one."""
        return self.rivals[0] if self.rivals and self.rivals[0].better else None


def advised(settings: Settings, judged: Evaluation) -> Evaluation:
    """Return a judgment with its advice.

    settings: those that `promote` and `retrain` will have, which may differ from those that the
    judgment was made with. Raises nothing: what cannot be looked at must not hide a verdict.
    """
    verdict = judged.verdict
    if verdict.verdict == "healthy":
        return replace(judged, advice=Advice(Next("none")))
    if verdict.verdict == "insufficient":
        return replace(judged, advice=Advice(_more_labels(judged)))
    from housing_cli.loop.cure import cure

    return replace(judged, advice=cure(settings, judged))


def _more_labels(judged: Evaluation) -> Next:
    if "unlabeled" in judged.reasons:
        return Next("wait", "evaluate", "labels of the houses that have none")
    missing = max(judged.verdict.min_samples - judged.verdict.n, 1)
    return Next("wait", "evaluate", "too few labels for a verdict", missing)
