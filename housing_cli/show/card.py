"""The HTML page of one version: what it learned from, how good it is, what it is for.

After the model cards of Mitchell et al. (2019): a model goes with a page that says what it is and
is not good for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from housing_cli.api.explainer import contributions, load_explainer
from housing_cli.api.served import load_served, read_intervals
from housing_cli.data.kinds import Boolean, Category, Kind, shown
from housing_cli.data.metrics import METRICS
from housing_cli.judging.reference import Reference, load_reference
from housing_cli.learning.conformal import coverage_of, mean_width
from housing_cli.pages import charts, page
from housing_cli.registry import EXPLANATION_FILE, INTERVALS_FILE, ModelRegistry, Version
from housing_cli.show import explanation, figures
from housing_cli.show.retrain import comparison_rows

Rows = list[list[object]]

MOST_BARS = 20
MOST_CONTRIBUTIONS = 10


def write_card(path: Path, registry: ModelRegistry, version: Version) -> None:
    """Write the page of `version` to `path`. Raises `ReportError` or `VersionCorrupt`."""
    page.write_page(path, render(registry, version))


def render(registry: ModelRegistry, version: Version) -> str:
    """Return the page of `version`."""
    metadata = version.metadata
    reference = load_reference(registry, version)
    errors = (reference.out_of_fold - reference.target).ravel()
    scatter = figures.prices(reference.out_of_fold[0], reference.target, metadata.schema.target)
    compared = metadata.evidence.get("comparison")
    return page.render(
        "card.html",
        title=f"Model card of {version.name}" + (f" ({metadata.tag})" if metadata.tag else ""),
        subtitle=f"made {metadata.created}",
        baseline=_baseline(version),
        scatter=scatter,
        errors=figures.errors(errors, errors),
        importances=_importances(version, reference) if len(reference.importances) else None,
        explained=_explained(registry, version, reference),
        intervals=(
            _intervals(registry, version, reference) if INTERVALS_FILE in metadata.files else None
        ),
        data=metadata.data,
        columns=_columns(version, reference),
        units=bool(metadata.schema.units),
        # By the columns that give the shipped data away.
        boston={"B", "LSTAT"} <= set(metadata.schema.features),
        comparison=compared and _comparison(compared),
        making=_making(version),
    )


def _baseline(version: Version) -> Rows:
    scores = version.metadata.metrics
    return [
        [METRICS[name].label if name in METRICS else name.upper(), scores[name]]
        for name in (*METRICS, "r2", "bias")
        if name in scores
    ]


def _importances(version: Version, reference: Reference) -> str:
    names = version.metadata.schema.features
    order = np.argsort(-reference.importances)[:MOST_BARS]
    values = [(names[k], float(reference.importances[k])) for k in order]
    return charts.bars([(name, max(v, 0.0), f"{max(v, 0.0):.2f}", False) for name, v in values])


def _explained(
    registry: ModelRegistry, version: Version, reference: Reference
) -> dict[str, Any] | None:
    """Return why a house in the middle of all features has its price, where it is known."""
    if EXPLANATION_FILE not in version.metadata.files:
        return None
    schema = version.metadata.schema
    house = np.array([
        _middle(column, schema.kind(name))
        for name, column in zip(schema.features, reference.features.T, strict=True)
    ])  # fmt: skip
    model = load_served(registry, version.name).model
    explainer = load_explainer(registry, version, model)
    found = explainer.explain(house[None])
    words = [shown(schema.kind(name), x) for name, x in zip(schema.features, house, strict=True)]
    told = contributions(found, 0, schema.features, words)
    (price,) = model.score_few([house.tolist()])
    listed = told["contributions"]
    rows = explanation.rows_of(told["base"], listed, found.scale, price, MOST_CONTRIBUTIONS)
    return {"rows": rows, "exact": explainer.exact}


def _middle(column: NDArray[np.float64], kind: Kind | None) -> float:
    """Return the commonest word, the median number or day, or NaN where none is known."""
    known = column[~np.isnan(column)]
    if not len(known):
        return float("nan")
    if isinstance(kind, Category | Boolean):
        words, counts = np.unique(known, return_counts=True)
        return float(words[np.argmax(counts)])
    middle = float(np.median(known))
    return middle if kind is None else float(np.floor(middle))


def _intervals(registry: ModelRegistry, version: Version, reference: Reference) -> Rows:
    model = read_intervals(registry, version)
    if model is None:
        return []
    prices, spreads = reference.out_of_fold[0], reference.spreads
    rows: Rows = [
        ["made to hold", f"{100 * model.coverage:g}%"],
        ["hold out of fold", f"{coverage_of(model, reference.target, prices, spreads):.1%}"],
        ["mean width", mean_width(model, prices, spreads)],
    ]
    if model.scaled is not None:
        rows.append(["scaled by", "the spread that a second model tells from the features"])
    for share in (0.1, 0.5, 0.9):
        price = float(np.quantile(prices, share))
        low, high = model.interval(price)
        rows.append([f"around {price:.1f}", f"{low:.1f} to {high:.1f}"])
    return rows


def _columns(version: Version, reference: Reference) -> Rows:
    schema = version.metadata.schema
    columns = [*reference.features.T, reference.target]
    rows: Rows = []
    for name, column in zip([*schema.features, schema.target], columns, strict=True):
        known, kind = column[~np.isnan(column)], schema.kinds.get(name)
        if isinstance(kind, Category | Boolean):
            figures = _commonest(known, kind)
        else:
            ends = [float(f(known)) if len(known) else None for f in (np.min, np.median, np.max)]
            figures = [end if kind is None or end is None else shown(kind, end) for end in ends]
        unit = [schema.units.get(name, "")] if schema.units else []
        rows.append([name, *unit, *figures, f"{np.isnan(column).mean():.1%}"])
    return rows


def _commonest(codes: NDArray[np.float64], kind: Kind) -> list[object]:
    """Return the three commonest words, each with its share of the known ones."""
    words, counts = np.unique(codes, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:3]
    said: list[object] = [f"{shown(kind, words[k])} {counts[k] / len(codes):.0%}" for k in most]
    return said + [None] * (3 - len(said))


def _comparison(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "metric": METRICS[found["metric"]].label,
        "rows": comparison_rows(found),
        "wins": found["wins"],
        "reasons": found["reasons"],
    }


def _making(version: Version) -> Rows:
    metadata = version.metadata
    made = {
        "parent": metadata.parent,
        "regressor": metadata.regressor,
        "imputer": metadata.imputer,
        "seed": metadata.seed,
        "data SHA-256": metadata.data.sha256,
        "git commit": (metadata.git.commit or "") + (" (dirty)" if metadata.git.dirty else ""),
        **{f"parameter {key}": str(value) for key, value in metadata.parameters.items()},
        **metadata.libraries,
    }
    return [[key, value] for key, value in made.items()]
