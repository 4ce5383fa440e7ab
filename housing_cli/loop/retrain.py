"""Challenger against champion: learn from base data and real prices, compare, register."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import msgspec

from housing_cli.config import Settings
from housing_cli.data.kinds import name_of
from housing_cli.errors import ExportError, GateRefused, SchemaMismatch
from housing_cli.judging.acceptance import GATE
from housing_cli.judging.comparison import Comparison
from housing_cli.judging.reference import load_reference
from housing_cli.learning.fitting import Progress, measure, silent
from housing_cli.learning.tuning import inherited
from housing_cli.loop.all_rows import scatter_in, stock_in
from housing_cli.loop.approval import refuse_unattended
from housing_cli.loop.candidate import put_forward, refuse_given_up
from housing_cli.loop.challenger import Material, assemble, contest, gather
from housing_cli.loop.evaluate import evaluate
from housing_cli.loop.evaluation import Evaluation
from housing_cli.loop.feedback import read_feedback
from housing_cli.loop.own_table import Base, base_table
from housing_cli.loop.promote import refusal
from housing_cli.loop.promotion import Promotion
from housing_cli.loop.train import TrainingRows, build_version, data_info
from housing_cli.loop.trials import begin
from housing_cli.loop.verify import load_verified
from housing_cli.registry import DataInfo, ModelRegistry, Version, open_registry
from housing_cli.registry.audit import verify_metadata, verify_move
from housing_cli.registry.names import CANDIDATE
from housing_cli.registry.store import PRODUCTION, check_tag


@dataclass(frozen=True, slots=True)
class Retrained:
    """The challenger, how it compares, and whether it is production now.

    reused: the challenger was there already, made of the same labels. base: the table that it
    learned from. moved: the alias of what is tried or waits, where it was put there.
    """

    version: Version
    champion: Version
    evidence: Mapping[str, Any]
    promoted: bool
    reused: bool = False
    base: Base | None = None
    moved: Promotion | None = None

    @property
    def comparison(self) -> Mapping[str, Any]:
        """Return the evidence of the comparison, as `comparison.Comparison` has it."""
        found: Mapping[str, Any] = self.evidence["comparison"]
        return found

    @property
    def left_out(self) -> int:
        """Return how many labeled rows are older than those that it learned from."""
        return int(self.evidence["feedback"].get("left_out", 0))

    @property
    def equal(self) -> int:
        """Return how many labels were the predicted price sent back, and were not learned."""
        return int(self.evidence["feedback"].get("equal_to_prediction", 0))

    @property
    def unfit(self) -> tuple[int, Sequence[str]]:
        """Return how many labels were of houses with a number beyond float32, and name some."""
        told = self.evidence["feedback"]
        return int(told.get("beyond_float32", 0)), told.get("beyond_float32_rows", ())


def retrain(
    settings: Settings,
    *,
    tag: str | None = None,
    promote: bool = False,
    to: str | None = None,
    force: bool = False,
    named: bool = False,
    progress: Progress = silent,
) -> Retrained:
    """Make a challenger from base data and feedback, and compare it with production.

    A tuned champion hands its parameters down (`tuning.inherited`); retraining itself never tunes.
    The challenger is registered whether or not it wins, so that it can be inspected. named: the
    table may be another one than the champion's (`own_table`). promote: make it production; to: put
    it there instead, `candidate`, `shadow` or `canary`. Raises `GateRefused` where it does
    not win, or learned nothing new, and is not forced.
    """
    if tag is not None:
        check_tag(tag)
    if promote:
        refuse_unattended(settings, "housing retrain --to candidate")
    registry = open_registry(settings)
    registry.check_signing(moves=promote or to is not None)
    settings, champion, tuning = champion_of(settings, registry)
    compiled = load_verified(registry, champion)
    found = base_table(settings, champion, named=named)
    base = found.table
    settings = settings.learned(base.kinds)
    reference = load_reference(registry, champion)
    feedback = read_feedback(settings, reference.label_rule(settings.retrain.max_level))
    info = msgspec.structs.replace(
        data_info(base), feedback_rows=len(feedback.rows), feedback_sha256=feedback.fingerprint()
    )
    version = None if force else same_labels(settings, registry, champion, info)
    reused = version is not None
    if version is None:
        material = gather(settings, base, feedback.rows)
        rows = _rows(material, info)
        measured = measure(settings, rows.features, rows.target, progress)
        told = (material, compiled, reference, measured.prices)
        comparison = contest(
            settings, material, compiled, reference, progress,
            scatter=scatter_in(*told),
            stock=stock_in(*told, reference.axes(champion), metric=settings.evaluate.metric,
                           threshold=settings.evaluate.threshold),
        )  # fmt: skip
        evidence: dict[str, object] = {
            "champion": champion.name,
            "comparison": asdict(comparison),
            "feedback": feedback.described(),
            "overlap": material.overlap and material.overlap.described(),
            "settings_sha256": _settings_hash(settings),
            "gate_sha256": _gate_hash(settings),
            **tuning,
        }
        build = partial(build_version, tag=tag, parent=champion.name, evidence=evidence)
        with _refusing_beyond_reason(champion, comparison, force):
            metadata, files, _ = build(settings, rows, measured=measured, progress=progress)
        version = registry.add(metadata, files, promote=False, why="retrain")
    # What is left out now may be more than when a challenger that waits was made.
    known = {**version.metadata.evidence, "feedback": feedback.described()}
    done = Retrained(version, champion, known, promote, reused, found)
    _require_win(registry, done, force)
    if reused and (promote or to == CANDIDATE):
        refuse_given_up(registry, version)
    if promote:
        _promote(registry, done, force)
    return done if to is None or promote else replace(done, moved=_try(registry, done, to, force))


def champion_of(
    settings: Settings, registry: ModelRegistry
) -> tuple[Settings, Version, dict[str, object]]:
    """Return settings with what production hands down, production, and the evidence of it.

    Raises `SchemaMismatch` where the settings name other features than production has.
    """
    champion = registry.get(PRODUCTION)
    verify_move(registry, PRODUCTION, champion)
    known = champion.metadata
    settings, tuning = inherited(settings, champion.name, known.regressor, known.evidence)
    if known.schema.features != settings.schema().features:
        raise SchemaMismatch(
            f"{champion.name} has other features than the settings name",
            "use the settings file that it was trained with (`--config FILE`)",
        )
    kinds = dict(zip(known.schema.features, known.schema.kind_names(), strict=True))
    for name, told in settings.data.kinds.items():
        if name_of(told) != kinds[name]:
            raise SchemaMismatch(
                f"`{name}` is a {kinds[name]} to {champion.name}, and a {name_of(told)} in the "
                "settings",
                "train a new version with `housing train`, or change `data.kinds`",
            )
    return settings.learned(known.schema.kinds), champion, tuning


def needed(settings: Settings) -> Evaluation | None:
    """Return the judgment that calls for no retraining, `None` where production is degraded."""
    judged = evaluate(settings)
    return None if judged.verdict.verdict == "degraded" else judged


def _rows(material: Material, info: DataInfo) -> TrainingRows:
    features, target, _ = assemble(material)
    return TrainingRows(features, target, msgspec.structs.replace(info, rows=len(target)))


@contextmanager
def _refusing_beyond_reason(
    champion: Version, comparison: Comparison, force: bool
) -> Iterator[None]:
    """Refuse a challenger that lost and cannot be compiled either.

    Prices beyond reason are beyond the precision of what is served, too.
    """
    try:
        yield
    except ExportError:
        if comparison.wins or force:
            raise
        raise GateRefused(
            f"the challenger is not better than {champion.name}: " + "; ".join(comparison.reasons),
            "look for wrong real prices in the log, and correct them through `/feedback`",
            asdict(comparison),
        ) from None


def _promote(registry: ModelRegistry, done: Retrained, force: bool) -> None:
    verify_metadata(registry, done.version)  # one that waited may have been changed, or be unsigned
    wins = done.comparison["wins"]
    registry.point(
        PRODUCTION,
        done.version,
        why="retrain" if wins else "retrain, forced",
        evidence={**done.evidence, "forced": force and not wins},
        expected=done.champion.name,
    )


def _try(registry: ModelRegistry, done: Retrained, to: str, force: bool) -> Promotion:
    """Put the challenger where it waits, or is tried."""
    wins = done.comparison["wins"]
    why = "retrain" if wins else "retrain, forced"
    if to != CANDIDATE:
        verify_metadata(registry, done.version)
        return begin(registry, done.version, to, weight=None, reason=why)
    evidence = {**done.evidence, "forced": force and not wins}
    return put_forward(registry, done.version, why=why, evidence=evidence)


def _require_win(registry: ModelRegistry, done: Retrained, force: bool) -> None:
    if done.comparison["wins"] or force:
        return
    name = done.version.name
    why = "; ".join(done.comparison["reasons"])
    evidence = {"challenger_version": name, **done.comparison}
    feedback = done.evidence.get("feedback", {})
    if not done.reused:
        registry.record("refused", done.version, why=why, evidence=evidence)
    raise GateRefused(
        f"{name} is not better than {done.champion.name}: {why}",
        f"{done.champion.name} stays; look at `housing registry show {name}`, or use `--force`",
        {**evidence, "feedback": feedback},
    )


def same_labels(
    settings: Settings, registry: ModelRegistry, champion: Version, info: DataInfo
) -> Version | None:
    """Return the challenger that was already made of these data, if it still waits.

    One that was judged by another rule does not: it is made and judged anew. Raises `GateRefused`
    where it has been in production: there is nothing new to learn.
    """
    settings_hash = _settings_hash(settings)
    served = {event.to for event in registry.history() if event.alias == PRODUCTION}
    for version in reversed(registry.survey()[0]):  # one that is broken hides no other
        data, evidence = version.metadata.data, version.metadata.evidence
        if (data.feedback_sha256, data.sha256) != (info.feedback_sha256, info.sha256):
            continue
        if evidence.get("settings_sha256") != settings_hash:
            continue
        if version.name in served:
            wait = "wait for new real prices, or use `--force` to learn from them once more"
            # Production was rolled back from it, rightly or not.
            again = version.name != champion.name and not refusal(settings, version)
            raise GateRefused(
                f"{version.name} learned from the same {info.feedback_rows} real prices already",
                f"`housing promote {version.name}` serves it again; else {wait}" if again else wait,
                {"challenger_version": version.name, **evidence.get("comparison", {})},
            )
        judged_so = evidence.get("gate_sha256") == _gate_hash(settings)
        if version.metadata.parent == champion.name and judged_so:
            return version
    return None


def _settings_hash(settings: Settings) -> str:
    """Return what tells two experiments on the same data apart."""
    # How many rows are read is told by which they are.
    rule = {k: v for k, v in msgspec.structs.asdict(settings.retrain).items() if k != "max_rows"}
    return _hash((settings.model, settings.train.seed, rule))


def _gate_hash(settings: Settings) -> str:
    """Return what tells two verdicts on one challenger apart, beside `_settings_hash`.

    Apart from it: who judges otherwise has learned nothing new from prices that served already.
    """
    return _hash((GATE, settings.evaluate.metric, settings.evaluate.threshold))


def _hash(told: object) -> str:
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()
