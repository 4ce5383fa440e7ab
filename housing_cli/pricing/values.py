"""Values of houses as the numbers that a model reads, and what `/predict` says of those it refuses.

Shared by tables of text and by data frames: a column is looked at as a whole, and only rows that
look odd are asked about, one by one, by the model of a request (`api/http/models.py`). Its words
are the reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from housing_cli.api.http.bodies import bounds
from housing_cli.api.http.models import row_model
from housing_cli.data.kinds import Category, Value, coder, word_of
from housing_cli.data.schema import FeatureSchema

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_WORDS, OTHERS = 1000, "(other words)"
"""Unknown words that are named; where there are more, these are counted together."""


class Values:
    """Makes numbers of the values of `schema`.

    refuse: words that a vocabulary lacks are refused. unknown: in how many rows each of them was
    met, by the feature and the word.
    """

    def __init__(self, schema: FeatureSchema, *, refuse: bool) -> None:
        self.schema = schema
        self._refuse = refuse
        self._model: type[BaseModel] | None = None
        limits = [bounds(schema, name) for name in schema.features]
        self._low, self._high = np.array(limits).T
        self._unknown: Counter[tuple[str, str]] = Counter()

    def beyond(self, numbers: Floats) -> Flags:
        """Return which rows of numbers (n, k) have one that is out of its range; NaN is missing."""
        with np.errstate(invalid="ignore"):
            outside: Flags = ((numbers < self._low) | (numbers > self._high)).any(axis=1)
        return outside

    def codes(
        self, name: str, column: pd.Series, read: Callable[[Any], Value]
    ) -> tuple[Floats, Flags, dict[str, list[int]]]:
        """Return the codes of a feature that is no number, which rows are odd, and unknown words.

        Each value is looked up once. read: makes of a value of the column what JSON would have.
        """
        kind = self.schema.kinds[name]
        try:
            places, values = pd.factorize(column)
        except TypeError:  # lists and such, which are no words either
            places, values = pd.factorize(column.map(str))
        known = frozenset(kind.codes.values()) if isinstance(kind, Category) else None
        codes, odd = np.full(len(values) + 1, np.nan), np.zeros(len(values) + 1, dtype=bool)
        met: dict[str, list[int]] = {}
        code_of = coder(kind)
        for at, value in enumerate(values):
            said = read(value)
            try:
                code = code_of(said)
            except ValueError:
                odd[at] = True
                continue
            if code is None:
                continue
            codes[at] = code
            if known is not None and code not in known and said is not None:
                odd[at] = self._refuse
                met[word_of(said)] = np.flatnonzero(places == at).tolist()
        # A missing value has the place -1, the last one.
        return codes[places], odd[places], met

    def count(self, name: str, met: Mapping[str, list[int]], kept: Flags) -> None:
        """Count the unknown words of a feature in the rows that are kept."""
        for word, places in met.items():
            if found := int(kept[places].sum()):
                named = (name, word) in self._unknown or len(self._unknown) < MOST_WORDS
                self._unknown[name, word if named else OTHERS] += found

    def unknown_words(self) -> dict[str, dict[str, int]]:
        """Return the unknown words of each feature, and in how many kept rows they were."""
        found: dict[str, dict[str, int]] = {}
        for (name, word), count in self._unknown.items():
            found.setdefault(name, {})[word] = count
        return found

    def refusals(self, said: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return column and reason of what `/predict` refuses in a row; nothing: it takes it."""
        if self._model is None:
            self._model = row_model(self.schema, refuse=self._refuse)
        try:
            self._model.model_validate(said)
        except ValidationError as error:
            found = [(str(one["loc"][0]), one["msg"]) for one in error.errors()]
            return list(dict.fromkeys(found))
        return []
