"""What mends a degraded version: since when it is one, which rows, which version does better."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Settings
from housing_cli.data.metrics import METRICS
from housing_cli.errors import HousingError
from housing_cli.judging.change import SURE, change_in
from housing_cli.judging.power import power_of
from housing_cli.judging.sums import Totals, totals_by
from housing_cli.loop.advice import Advice, Next, Since, WorstRow
from housing_cli.loop.evaluation import Evaluation
from housing_cli.loop.replay import clip_of
from housing_cli.loop.rivals import Rival, rivals_of
from housing_cli.registry import open_registry
from housing_cli.registry.store import PREVIOUS, PRODUCTION

Floats = NDArray[np.float64]

WORST_ROWS = 10


def cure(settings: Settings, judged: Evaluation) -> Advice:
    """Return the advice on a degraded version; arguments as in `advice.advised`.

    Raises nothing: what cannot be looked at must not hide a verdict.
    """
    since, worst = since_of(judged), worst_rows(judged)
    try:
        first = since.at if since else _first(judged)
        rivals = () if first is None else rivals_of(settings, judged, first)
        found = _next(settings, judged, rivals)
    except HousingError as error:
        rivals, found = (), Next("mend", why=error.message, hint=error.hint)
    except (ImportError, OSError) as error:
        # A sealed container has no folder for temporary files; where retraining has one is unknown.
        why = f"nothing else could be looked at here: {' '.join(str(error).split())}"
        rivals, found = (), Next("retrain", _command(settings), why)
    return Advice(found, since, worst, rivals)


def since_of(judged: Evaluation) -> Since | None:
    """Return since when the errors are larger, `None` where the rows do not tell.

    By absolute errors, whatever the metric: with the tails that errors of prices have, squares show
    less of the same rows (`gate.judge`).
    """
    reference, rows = judged.reference, judged.rows
    training = np.abs(reference.out_of_fold - reference.target)
    if judged.verdict.n > len(rows):
        return _since_day(judged, training.mean(axis=0))
    most = clip_of(reference, "mae")
    errors = np.abs(rows.predicted - rows.real)
    usual = np.minimum(training, most).mean(axis=0)
    found = change_in(np.minimum(errors, most), np.ones(len(rows)), usual)
    if found is None:
        return None
    metric = METRICS[judged.verdict.metric]
    losses = metric.loss(rows.real, rows.predicted)
    before = None if found.from_start else metric.value(losses[: found.at].mean())
    after = metric.value(losses[found.at :].mean())
    at = float(rows.timestamps[found.at])
    return Since(at, False, found.n, before, after, found.from_start, found.p_value)


def _since_day(judged: Evaluation, training: Floats) -> Since | None:
    """Return the day of the change, of a window of which the newest rows alone were read."""
    name, metric = judged.version.name, judged.verdict.metric
    days = {str(d): t for d, t in totals_by(judged.sums, "days", name).items() if t.labeled}
    counts = np.array([day.labeled for day in days.values()], dtype=float)
    found = change_in(np.array([day.absolute for day in days.values()]), counts, training)
    if found is None:
        return None
    first = datetime.fromisoformat(list(days)[found.at]).replace(tzinfo=UTC)
    before, after = (
        sum(part, Totals()).metric(metric) if part else None
        for part in ([*days.values()][: found.at], [*days.values()][found.at :])
    )
    return Since(
        first.timestamp(), True, found.n, before, after or 0.0, found.from_start, found.p_value
    )


def worst_rows(judged: Evaluation, most: int = WORST_ROWS) -> tuple[WorstRow, ...]:
    """Return the judged rows with the largest errors; of a wide window among its newest."""
    rows = judged.rows
    errors = rows.predicted - rows.real
    order = np.argsort(-np.abs(errors), kind="stable")[:most]
    return tuple(
        WorstRow(rows.ids[k], *(float(x[k]) for x in (rows.timestamps, rows.predicted, rows.real,
                                                      errors)))
        for k in order
    )  # fmt: skip


def _first(judged: Evaluation) -> float | None:
    """Return when the first of the judged rows was predicted; of a wide window its first day."""
    if judged.verdict.n > len(judged.rows):
        return datetime.fromisoformat(min(judged.sums.days)).replace(tzinfo=UTC).timestamp()
    return float(judged.rows.timestamps[0]) if len(judged.rows) else None


def _next(settings: Settings, judged: Evaluation, rivals: tuple[Rival, ...]) -> Next:
    """Return what to do about a degraded version."""
    aliases, name = open_registry(settings).aliases(), judged.version.name
    production = aliases.get(PRODUCTION)
    if production is None:
        return Next("none", why=f"{name} is not production, and no version is")
    if production != name:
        return Next("look", "evaluate", f"{name} is not production, {production} is")
    if rivals and rivals[0].better:
        return _promotion(settings, rivals[0], aliases.get(PREVIOUS))
    if missing := _by_chance(judged):
        return Next("wait", "evaluate", "so few labels may be worse by chance", missing)
    return _retraining(settings)


def _promotion(settings: Settings, best: Rival, previous: str | None) -> Next:
    """Return the promotion of a version that does better, in the way that is not refused."""
    from housing_cli.loop.promote import refusal

    name = best.version.name
    why = f"{name} is healthy on the same {best.n} rows"
    refused = refusal(settings, best.version)
    if not refused:
        return Next("promote", f"promote {name}", why)
    if previous == name:
        return Next("promote", "promote --rollback", why)
    return Next("promote", f"promote {name} --force", f"{why}; without force refused: {refused}")


def _retraining(settings: Settings) -> Next:
    """Return the retraining, or what has to come before it."""
    from housing_cli.loop.prospect import prospect  # loads what learns

    ahead = prospect(settings)
    if ahead.challenger is not None:
        return Next("promote", f"promote {ahead.challenger}", "it won on these labels, and waits")
    if ahead.labels:
        return Next("wait", _command(settings), ahead.why, ahead.labels, ahead.hint)
    if ahead.why:
        return Next("mend", why=ahead.why, hint=ahead.hint)
    return Next("retrain", _command(settings))


def _command(settings: Settings) -> str:
    """Return the retraining that is not refused: with a person who has to approve, up to them."""
    return "retrain --to candidate" if settings.promote.require_approval else "retrain --promote"


def _by_chance(judged: Evaluation) -> int:
    """Return how many more labels would show a degradation of this size, 0 where it is shown.

    A rule with a confidence or a yearly budget has shown it, and drift is no matter of labels.
    """
    verdict = judged.verdict
    shown = verdict.confidence is not None or judged.budget is not None
    if shown or judged.reasons != ("error",) or verdict.ratio is None:
        return 0
    if verdict.p_value is None or verdict.p_value <= SURE or not 1 < verdict.ratio < np.inf:
        return 0
    size = verdict.ratio - 1
    baseline = judged.reference.baseline(judged.version, verdict.metric)
    power = power_of(baseline.absolute, baseline.rows, verdict.n, confidence=1 - SURE, sizes=[size])
    return power.more(size) or 0
