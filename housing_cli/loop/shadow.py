"""Whether the shadow prices the same houses better than production; nothing is written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from housing_cli.api.served import same_meaning
from housing_cli.config import Settings
from housing_cli.data.metrics import METRICS
from housing_cli.errors import HousingError
from housing_cli.judging.houses import crowding, newest_of_each, repeats
from housing_cli.judging.label_rule import Rule
from housing_cli.judging.labels import counts_of, doubts_of, kinds
from housing_cli.judging.reference import Reference, load_reference
from housing_cli.judging.shadow import Contest, Verdict, contest, training_of, verdict_of
from housing_cli.loop.promotion import both_sides
from housing_cli.prediction_log import HIGHEST_PRICE, open_log
from housing_cli.prediction_log.records import Kind, Labeled
from housing_cli.prediction_log.tried import Tried, TriedQuery
from housing_cli.registry import ModelRegistry, Version, open_registry
from housing_cli.registry.names import SHADOW
from housing_cli.words import counted, figure

USUAL_CONFIDENCE = 0.95
_BEGIN = "try one with `housing promote REF --to shadow`"


@dataclass(frozen=True, slots=True)
class Shadowed:
    """How `version` does as a shadow of `production`.

    since: when it became the shadow, as `Trial.since`. doubt: why servers do not ask it, or
    nothing. answers: production's since then that it was asked about; failed: without a price of
    it; others: answers of other versions that it was asked about, which do not count. labeled:
    answers with a real price. Of these are left out those without a price that a model can give
    (`unpriced`), with a doubtful real price (`doubtful`), and later labels of a house that counts
    (`repeated`). n: the rest. confidence: of each of the two verdicts. found: what the n rows say.
    skipped: broken lines of the log. reasons: as `verdict_of` gives them.
    """

    version: Version
    production: Version
    since: str
    doubt: str
    metric: str
    confidence: float
    min_samples: int
    answers: int
    failed: int
    others: int
    labeled: int
    unpriced: int
    doubtful: int
    repeated: int
    n: int
    found: Contest | None
    verdict: Verdict
    reasons: tuple[str, ...]
    skipped: int


def judge_shadow(settings: Settings) -> Shadowed:
    """Judge the shadow. Raises `VersionNotFound` where there is none, or no production."""
    registry = open_registry(settings)
    trial, version, production = both_sides(registry, SHADOW, _BEGIN)
    log = open_log(settings.log.url, production.metadata.schema, fsync=settings.log.fsync)
    try:
        since = datetime.fromisoformat(trial.since)
        query = TriedQuery(shadow=version.name, since=since, labeled=True, features=True)
        tried = log.tried(query)
    finally:
        log.close()
    same = same_meaning(version.metadata.schema, production.metadata.schema)
    doubt = "" if same else f"its features are not those of {production.name}"
    reference = load_reference(registry, production)
    return _judged(settings, version, production, trial.since, doubt, tried, reference)


def _judged(
    settings: Settings,
    version: Version,
    production: Version,
    since: str,
    doubt: str,
    tried: Tried,
    reference: Reference,
) -> Shadowed:
    rule, metric = settings.evaluate, settings.evaluate.metric
    confidence = rule.confidence or USUAL_CONFIDENCE
    rows = tried.where(np.array(tried.versions, dtype=object) == production.name)
    # No model gives a higher price, and squares of one could not be held by a float.
    priced = (np.abs(rows.shadow_prices) <= HIGHEST_PRICE) & (rows.predicted <= HIGHEST_PRICE)
    dubious = doubtful(rows, reference.label_rule(settings.retrain.max_level))
    fair = np.flatnonzero(priced & ~dubious)
    once = in_order(rows, fair, reference)
    counts = [made for made in tried.made if made.version == production.name]
    answers = counts[0].n if counts else 0
    failed = answers - counts[0].priced if counts else 0
    found = None
    if len(once):
        training = training_of(reference.baseline(production, metric).absolute, metric)
        sides = rows.real[once], rows.predicted[once], rows.shadow_prices[once]
        found = contest(*sides, training, metric=metric, confidence=confidence)
    verdict, reasons = verdict_of(found, len(once), rule.min_samples, confidence, (answers, failed))
    return Shadowed(
        version=version,
        production=production,
        since=since,
        doubt=doubt,
        metric=metric,
        confidence=confidence,
        min_samples=rule.min_samples,
        answers=answers,
        failed=failed,
        others=sum(made.n for made in tried.made) - answers,
        labeled=len(rows),
        unpriced=int((~priced).sum()),
        doubtful=int((priced & dubious).sum()),
        repeated=len(fair) - len(once),
        n=len(once),
        found=found,
        verdict=verdict,
        reasons=tuple(reasons),
        skipped=tried.skipped,
    )


def doubtful(rows: Tried, rule: Rule) -> NDArray[np.bool_]:
    """Return which labels (n,) would not count in a verdict on the version that answered.

    But a price that is far off for production, and not for the shadow, is no typing error: it is
    what production gets wrong.
    """
    own = rows.answers()
    left_out = doubts_of(counts_of(own, rule), own, rule, crowding(rows.features))
    codes = kinds(rows.real, rows.predicted, rule.kinds)
    said = np.where(np.isnan(rows.shadow_prices), rows.predicted, rows.shadow_prices)
    explained = (codes == Kind.FAR) & (kinds(rows.real, said, rule.kinds) != Kind.FAR)
    found: NDArray[np.bool_] = np.isin(codes, left_out.excluded) & ~explained
    return found


def in_order(
    rows: Tried | Labeled, picked: NDArray[np.intp], reference: Reference
) -> NDArray[np.intp]:
    """Return the `picked` places in the order in which the labels came, of each house the first.

    So a later label changes nothing of what was seen before it.
    """
    order = picked[np.argsort(rows.labeled_at[picked], kind="stable")]
    backward = order[::-1]
    kept = newest_of_each(rows.features[backward], repeats(reference.features))
    return backward[kept][::-1]


def evidence_of(settings: Settings, registry: ModelRegistry, version: Version) -> dict[str, object]:
    """Return what `promote` records of a version that is the shadow; nothing where it is none.

    `shadow` is what was found, and `refused` says why it is no evidence, or is empty: what
    production and it made of the same houses tells more than their baselines.
    """
    if registry.aliases().get(SHADOW) != version.name:  # a broken alias is no matter of others
        return {}
    try:
        judged = judge_shadow(settings)
    except HousingError as error:
        return {"refused": f"nothing could be said of it as a shadow: {error.message}"}
    told: dict[str, object] = {
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "against": judged.production.name,
        "since": judged.since,
        "metric": judged.metric,
        "confidence": judged.confidence,
        "n": judged.n,
        "answers": judged.answers,
        "failed": judged.failed,
    }
    if judged.found is not None:
        figures = asdict(judged.found)
        told |= figures | {"improved": figures["improved"][0]}
    return {"shadow": told, "refused": judged.doubt or refusal_of(judged)}


def refusal_of(judged: Shadowed) -> str:
    """Return why the evidence is none for the shadow, nothing where it is."""
    if judged.verdict == "better":
        return ""
    if "failures" in judged.reasons:
        return f"it failed on {judged.failed} of {counted(judged.answers, 'row')}"
    found = judged.found
    if found is None or "few" in judged.reasons:
        return (
            f"{counted(judged.n, 'real price')} came in for what both priced, and "
            f"{judged.min_samples} are needed"
        )
    label = METRICS[judged.metric].label
    said = (
        f"{label} {figure(found.shadow)} against {figure(found.production)} on the same "
        f"{counted(judged.n, 'house')}"
    )
    return said if judged.verdict == "worse" else f"{said} may be chance"
