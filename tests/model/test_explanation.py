"""What a version says of its prices is read, and nothing else is taken for it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from housing_cli.learning.export import export_onnx
from housing_cli.model.explanation import Explainer, Explanation, TreePart, packed, unpacked
from tests.learning.test_explaining import BOSTON, explained


def test_leaves_are_those_of_all_trees() -> None:
    pipeline, _, explainer, _ = explained("RandomForestRegressor", params={"n_estimators": 7})
    rows = BOSTON.features[:30]
    leaves = explainer.leaves(rows)
    theirs = pipeline["regressor"].apply(pipeline[0].transform(rows))
    for ours, other in zip(leaves.T, theirs.T, strict=True):
        assert (ours[:, None] == ours).tolist() == (other[:, None] == other).tolist()
    assert explained("Ridge")[2].leaves(rows).shape == (30, 0)


def test_a_logarithms_contributions_are_factors_of_the_price() -> None:
    params = {"n_estimators": 5}
    made = explained("RandomForestRegressor", target=np.log(BOSTON.target), params=params)
    pipeline, read, _, compiled = made
    raw = export_onnx(pipeline, 13)
    log = Explainer(msgspec.structs.replace(read, scale="log"), raw, compiled)
    found = log.explain(BOSTON.features[:5])
    assert found.scale == "log"
    assert found.prices() == pytest.approx(found.base * found.contributions.prod(axis=1))
    assert found.prices() == pytest.approx(np.exp(compiled.score(BOSTON.features[:5])), rel=1e-6)


def test_counts_are_packed_and_wrong_ones_refused() -> None:
    counts = np.array([1, 2, 70_000, 1])
    assert unpacked(packed(counts), 4).tolist() == counts.tolist()
    for raw, number in ((packed(counts), 3), (packed(counts), 5), (b"text", 4)):
        with pytest.raises(ValueError, match="counts"):
            unpacked(raw, number)


def test_what_does_not_fit_the_model_is_refused() -> None:
    pipeline, made, _, compiled = explained("DecisionTreeRegressor", params={"max_depth": 3})
    raw = export_onnx(pipeline, 13)
    (part,) = made.parts
    assert isinstance(part, TreePart)
    for wrong in (
        msgspec.structs.replace(made, parts=[msgspec.structs.replace(part, result="others")]),
        msgspec.structs.replace(made, parts=[msgspec.structs.replace(part, covers=packed([1]))]),
        msgspec.structs.replace(made, columns=[0]),
        msgspec.structs.replace(made, parts=[]),  # sampled, and no rows to sample from
    ):
        with pytest.raises(ValueError, match=r"trees|counts|columns|rows"):
            Explainer(wrong, raw, compiled)
    for text in (b"{}", b"[" * 100_000, b'{"encoded": 1}'):
        with pytest.raises(ValueError):
            Explanation.from_json(text)
