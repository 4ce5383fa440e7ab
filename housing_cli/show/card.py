"""The HTML page of one version: what it learned from, how good it is, what it is for.

After the model cards of Mitchell et al. (2019): a model goes with a page that says what it is and
is not good for.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from housing_cli.data.metrics import METRICS
from housing_cli.judging.reference import Reference, load_reference
from housing_cli.learning.conformal import coverage_of, mean_width
from housing_cli.model.intervals import IntervalModel
from housing_cli.pages import charts
from housing_cli.pages.page import card, cards, page, table, write_page
from housing_cli.registry import ModelRegistry, Version
from housing_cli.show.retrain import comparison_rows

MOST_SPOTS, BINS, MOST_BARS = 1_500, 24, 20
INTENDED = (
    "Estimates of prices of houses like those it learned from, as one voice among others. "
    "Not for decisions about people: loans, insurance, taxes."
)
# What is known to be wrong with the data that is shipped, by the columns that give it away.
BOSTON = (
    "Census tracts of Boston in 1970: its prices say nothing of today's. Prices are cut off at 50, "
    "so dear houses are underestimated. `B` encodes the share of Black residents, `LSTAT` social "
    "status: a model that uses them repeats the prejudice in the prices. "
    "Harrison & Rubinfeld (1978)."
)


def write_card(path: Path, registry: ModelRegistry, version: Version) -> None:
    """Write the page of `version` to `path`. Raises `ReportError` or `VersionCorrupt`."""
    write_page(path, render(registry, version))


def render(registry: ModelRegistry, version: Version) -> str:
    """Return the page of `version`."""
    metadata = version.metadata
    reference = load_reference(registry, version)
    figures = [card("Baseline", _baseline(version), "Cross-validated: each row unseen.")]
    figures.append(card("Predicted and real prices", _scatter(reference, metadata.schema.target)))
    figures.append(card("Errors", _errors(reference), "Out of fold."))
    if len(reference.importances):
        figures.append(card("What matters", _importances(version, reference), _IMPORTANCE_NOTE))
    if "intervals.json" in metadata.files:
        figures.append(card("Prediction intervals", _intervals(registry, version, reference)))
    blocks = [
        cards(figures),
        card("Data", _data(version, reference)),
        card("Intended use", f"<p>{escape(INTENDED)}</p>{_known_problems(version)}"),
    ]
    if "comparison" in metadata.evidence:
        blocks.append(card("Why it is here", _comparison(metadata.evidence["comparison"])))
    blocks.append(card("How it was made", _making(version)))
    tag = f" ({metadata.tag})" if metadata.tag else ""
    return page(f"Model card of {version.name}{tag}", f"made {metadata.created}", blocks)


_IMPORTANCE_NOTE = (
    "By how much the RMSE of unseen rows grows when the feature is shuffled among them. "
    "Features that say the same share their importance."
)


def _baseline(version: Version) -> str:
    scores = version.metadata.metrics
    rows = [
        [METRICS[name].label if name in METRICS else name.upper(), scores[name]]
        for name in (*METRICS, "r2", "bias")
        if name in scores
    ]
    return table([], rows)


def _scatter(reference: Reference, unit: str) -> str:
    n = len(reference.target)
    spots = np.unique(np.linspace(0, n - 1, min(n, MOST_SPOTS)).astype(int))
    predicted = reference.out_of_fold[0, spots].tolist()
    pairs = list(zip(predicted, reference.target[spots].tolist(), strict=True))
    return charts.scatter(pairs, "predicted", f"real {unit}")


def _errors(reference: Reference) -> str:
    errors = (reference.out_of_fold - reference.target).ravel()
    low, high = np.quantile(errors, [0.005, 0.995]).tolist()
    edges = np.linspace(min(low, -1e-6), max(high, 1e-6), BINS + 1)
    shares = np.histogram(np.clip(errors, edges[0], edges[-1]), edges)[0] / len(errors)
    return charts.histogram(edges.tolist(), shares.tolist(), shares.tolist(), "error")


def _importances(version: Version, reference: Reference) -> str:
    names = version.metadata.schema.features
    order = np.argsort(-reference.importances)[:MOST_BARS]
    values = [(names[k], float(reference.importances[k])) for k in order]
    return charts.bars([(name, max(v, 0.0), f"{max(v, 0.0):.2f}", False) for name, v in values])


def _intervals(registry: ModelRegistry, version: Version, reference: Reference) -> str:
    model = IntervalModel.from_json(registry.read_file(version, "intervals.json"))
    prices = reference.out_of_fold[0]
    rows: list[list[object]] = [
        ["made to hold", f"{model.coverage:.0%}"],
        ["hold out of fold", f"{coverage_of(model, reference.target, prices):.1%}"],
        ["mean width", mean_width(model, prices)],
    ]
    for share in (0.1, 0.5, 0.9):
        price = float(np.quantile(prices, share))
        low, high = model.interval(price)
        rows.append([f"around {price:.1f}", f"{low:.1f} to {high:.1f}"])
    return table([], rows)


def _data(version: Version, reference: Reference) -> str:
    data, schema = version.metadata.data, version.metadata.schema
    dropped = "; ".join(f"{why}: {n}" for why, n in data.dropped.items())
    learned = f"{data.rows} rows from {data.path}"
    if data.feedback_rows:
        learned += (
            f" and from {data.feedback_rows} real prices that came in; a house counts once, at its "
            "last price, and old prices are brought to the level of the newest"
        )
    text = f"<p>{escape(learned)}.</p>" + (
        f"<p>Left out: {escape(dropped)}.</p>" if dropped else ""
    )
    columns = [*reference.features.T, reference.target]
    rows: list[list[Any]] = []
    for name, column in zip([*schema.features, schema.target], columns, strict=True):
        known = column[~np.isnan(column)]
        figures = [float(f(known)) if len(known) else None for f in (np.min, np.median, np.max)]
        rows.append([name, *figures, f"{np.isnan(column).mean():.1%}"])
    return text + table(["column", "lowest", "median", "highest", "missing"], rows)


def _known_problems(version: Version) -> str:
    if {"B", "LSTAT"} <= set(version.metadata.schema.features):
        return f'<p class="warning">{escape(BOSTON)}</p>'
    return ""


def _comparison(found: dict[str, Any]) -> str:
    columns = ["rows", "n", f"champion {METRICS[found['metric']].label}", "challenger", "better on"]
    said = "Accepted." if found["wins"] else "Refused: " + "; ".join(found["reasons"]) + "."
    return table(columns, comparison_rows(found)) + f"<p>{escape(said)}</p>"


def _making(version: Version) -> str:
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
    return table([], [[key, value] for key, value in made.items()])
