"""The first step of a pipeline: from the matrix of numbers and codes to what a regressor reads.

Numbers and yes-or-no are imputed, days become year, month and age, and categories a column for each
word or the target's mean, cross-fitted so that a row does not read its own price (scikit-learn's
`TargetEncoder`). A missing category is one more word, an unknown one is none of them: zeros, or the
mean of all. The converters write the same into the ONNX graph, a few nodes for all columns of one
kind, for each node costs a request about a microsecond.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from housing_cli.data.kinds import EPOCH, Category, Date
from housing_cli.data.schema import FeatureSchema

Floats = NDArray[np.float64]

MISSING_CODE = -1.0
"""What a missing category is compared as; codes are not negative."""
_ERA_DAYS, _FROM_YEAR_0 = 146_097, 719_468  # 400 years; from 1 March of year 0 to 1970
_DATE_COLUMNS = 3


class DateParts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Years after the reference, month, and age in days then, of columns of days since 1970 (n, k).

    A missing day becomes the median of those that the step was fitted to. Out: (n, 3 k).
    """

    def __init__(self, references: Sequence[int]) -> None:
        self.references = references

    def fit(self, days: Floats, _: object = None) -> DateParts:
        """Learn the median days."""
        self.n_features_in_ = days.shape[1]
        self.medians_ = np.array([_median(column) for column in np.asarray(days).T])
        return self

    def transform(self, days: Floats) -> Floats:
        """Return the parts of each column, one column after the other."""
        days = np.asarray(days, dtype=np.float64)
        whole = np.where(np.isnan(days), self.medians_, days).astype(np.int64)
        years, months = civil(whole)
        references = np.asarray(self.references)
        ages = references - whole
        parts = np.stack([years - civil(references)[0], months, ages], axis=2).reshape(
            len(days), -1
        )
        return parts.astype(np.float64)


def _median(column: Floats) -> float:
    known = column[~np.isnan(column)]
    return float(np.floor(np.median(known))) if len(known) else 0.0


def civil(days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return year and month of days since 1970, by the Gregorian calendar before 1582 too.

    Years begin on 1 March, so that leap days come last (Richards 2013, in integers).
    """
    from_march = days + _FROM_YEAR_0
    era = from_march // _ERA_DAYS
    day = from_march - era * _ERA_DAYS
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    of_year = day - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    early = month >= 10  # noqa: PLR2004 - January and February, of the year that follows
    return year + era * 400 + early, np.where(early, month - 9, month + 3)


def encoder(schema: FeatureSchema, imputer: str, seed: int) -> ColumnTransformer:
    """Return the unfitted step for tables with features that are no numbers."""
    parts: dict[str, list[int]] = {"numbers": [], "one_hot": [], "target": [], "dates": []}
    references = []
    for place, name in enumerate(schema.features):
        kind = schema.kinds.get(name)
        if isinstance(kind, Category):
            parts["target" if kind.encoding == "target" else "one_hot"].append(place)
        elif isinstance(kind, Date):
            parts["dates"].append(place)
            references.append(date.fromisoformat(kind.reference).toordinal() - EPOCH)
        else:
            parts["numbers"].append(place)
    made = {
        "numbers": SimpleImputer(strategy=imputer, keep_empty_features=True),
        "one_hot": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        "target": TargetEncoder(
            target_type="continuous", cv=KFold(5, shuffle=True, random_state=seed)
        ),
        "dates": DateParts(references),
    }
    steps = [(name, made[name], places) for name, places in parts.items() if places]
    return ColumnTransformer(steps)


def shapes() -> dict[type, Callable[[Any], None]]:
    """Return what tells skl2onnx how wide each step is."""
    return {OneHotEncoder: _shape, TargetEncoder: _shape, DateParts: _shape}


def converters() -> dict[type, Callable[[Any, Any, Any], None]]:
    """Return what writes each step into a graph."""
    return {
        OneHotEncoder: _convert_one_hot,
        TargetEncoder: _convert_target,
        DateParts: _convert_dates,
    }


def _shape(operator: Any) -> None:
    model = operator.raw_operator
    if isinstance(model, OneHotEncoder):
        width = sum(map(len, model.categories_))
    else:
        width = model.n_features_in_ * (_DATE_COLUMNS if isinstance(model, DateParts) else 1)
    operator.outputs[0].type.shape = [None, width]


def columns_of(step: Any, n_features: int) -> list[int]:
    """Return the place of the feature that each column is made of, after the fitted first step."""
    if not isinstance(step, ColumnTransformer):
        return list(range(n_features))
    made = []
    for _, model, places in step.transformers_:
        widths = [1] * len(places)
        if isinstance(model, OneHotEncoder):
            widths = [len(words) for words in model.categories_]
        elif isinstance(model, DateParts):
            widths = [_DATE_COLUMNS] * len(places)
        made += [place for place, width in zip(places, widths, strict=True) for _ in range(width)]
    return made


class _Writer:
    """Adds nodes to a graph, each with a name and an output of its own."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container

    def constant(self, values: Any, kind: type) -> str:
        name: str = self._scope.get_unique_variable_name("constant")
        tensor = numpy_helper.from_array(np.asarray(values, dtype=kind), name)
        self._container.initializers.append(tensor)
        return name

    def node(self, op: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        out = out or self._scope.get_unique_variable_name(op.lower())
        version = {"LabelEncoder": 2}.get(op, 18)
        self._container.add_node(
            op, list(inputs), [out], name=self._scope.get_unique_operator_name(op),
            op_domain="ai.onnx.ml" if op == "LabelEncoder" else "", op_version=version,
            **attributes,
        )  # fmt: skip
        return out

    def known(self, source: str) -> str:
        """Return the codes with `MISSING_CODE` for NaN, which equals nothing."""
        return self.node(
            "Where", self.node("IsNaN", source), self.constant(MISSING_CODE, np.float32), source
        )


def _convert_one_hot(scope: Any, operator: Any, container: Any) -> None:
    """Repeat each column as often as it has words, and compare it with them at once."""
    write, model = _Writer(scope, container), operator.raw_operator
    places = np.repeat(np.arange(len(model.categories_)), list(map(len, model.categories_)))
    codes = np.nan_to_num(np.concatenate(model.categories_), nan=MISSING_CODE)
    known = write.known(operator.inputs[0].full_name)
    repeated = write.node("Gather", known, write.constant(places, np.int64), axis=1)
    equal = write.node("Equal", repeated, write.constant(codes[None], np.float32))
    write.node("Cast", equal, out=operator.outputs[0].full_name, to=TensorProto.FLOAT)


def _convert_target(scope: Any, operator: Any, container: Any) -> None:
    """Look each column up in a table of its own."""
    write, model = _Writer(scope, container), operator.raw_operator
    known = write.known(operator.inputs[0].full_name)
    columns = []
    for place, (codes, means) in enumerate(zip(model.categories_, model.encodings_, strict=True)):
        column = known
        if len(model.categories_) > 1:
            column = write.node("Gather", known, write.constant([place], np.int64), axis=1)
        columns.append(
            write.node(
                "LabelEncoder",
                column,
                keys_floats=np.nan_to_num(codes, nan=MISSING_CODE).astype(np.float32).tolist(),
                values_floats=np.asarray(means, dtype=np.float32).tolist(),
                default_float=float(np.float32(model.target_mean_)),
            )
        )
    write.node("Concat", *columns, out=operator.outputs[0].full_name, axis=1)


def _convert_dates(scope: Any, operator: Any, container: Any) -> None:
    """Calculate as `civil` does; days are shifted by whole eras, so that no number is negative."""
    write, model = _Writer(scope, container), operator.raw_operator
    source = operator.inputs[0].full_name

    def number(value: float) -> str:
        return write.constant(value, np.int64)

    def times(a: str, b: str) -> str:
        return write.node("Mul", a, b)

    def minus(a: str, b: str) -> str:
        return write.node("Sub", a, b)

    def plus(a: str, b: str) -> str:
        return write.node("Add", a, b)

    def over(a: str, b: int) -> str:
        return write.node("Div", a, number(b))

    medians = write.constant(model.medians_[None], np.float32)
    filled = write.node("Where", write.node("IsNaN", source), medians, source)
    days = write.node("Cast", filled, to=TensorProto.INT64)
    eras = 100
    from_march = plus(days, number(_FROM_YEAR_0 + eras * _ERA_DAYS))
    era = over(from_march, _ERA_DAYS)
    day = minus(from_march, times(era, number(_ERA_DAYS)))
    leaps = plus(minus(over(day, 1460), over(day, 36_524)), over(day, 146_096))
    year = over(minus(day, leaps), 365)
    before = minus(plus(times(year, number(365)), over(year, 4)), over(year, 100))
    month = over(plus(times(minus(day, before), number(5)), number(2)), 153)
    early = write.node("GreaterOrEqual", month, number(10))
    one = write.node("Cast", early, to=TensorProto.INT64)
    known = civil(np.asarray(model.references))[0] + 400 * eras
    counted = plus(plus(year, times(era, number(400))), one)
    years = minus(counted, write.constant(known[None], np.int64))
    months = minus(plus(month, number(3)), times(one, number(12)))
    ages = minus(write.constant(np.asarray(model.references)[None], np.int64), days)
    parts = [
        write.node("Unsqueeze", part, write.constant([2], np.int64))
        for part in (years, months, ages)
    ]
    stacked = write.node("Concat", *parts, axis=2)
    width = model.n_features_in_ * _DATE_COLUMNS
    flat = write.node("Reshape", stacked, write.constant([-1, width], np.int64))
    write.node("Cast", flat, out=operator.outputs[0].full_name, to=TensorProto.FLOAT)
