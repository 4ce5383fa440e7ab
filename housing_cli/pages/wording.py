"""The words and the numbers within charts: English by default, another language if asked for."""

from __future__ import annotations

from dataclasses import dataclass

from housing_cli.words import figure

_THOUSAND, _SHORTENED = 1000.0, 10_000.0
_UNITS = ("", "k", "M", "G", "T")


@dataclass(frozen=True, slots=True)
class Words:
    """What charts say beside what their callers hand over, and how they write numbers and dates.

    between: a value and the interval around it. percent: a share of 100.
    """

    as_trained: str = "as trained"
    limit: str = "limit"
    between: str = "{} ({} to {})"
    percent: str = "{}%"
    decimal_mark: str = "."
    months: tuple[str, ...] = (
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    )  # fmt: skip

    def tick(self, value: float) -> str:
        """Return a round number for a narrow margin: `0.25`, `9500`, `450k`, `-1.2M`."""
        unit = 0
        if abs(value) >= _SHORTENED:
            while abs(value) >= _THOUSAND and unit + 1 < len(_UNITS):
                value, unit = value / _THOUSAND, unit + 1
        return self._own(f"{value:g}") + _UNITS[unit]

    def rounded(self, value: float) -> str:
        """Return a number of three digits or more: `0.0123`, `4.57`, `451234`."""
        return self._own(figure(value, 3))

    def fixed(self, value: float) -> str:
        """Return a number with two decimals."""
        return self._own(f"{value:.2f}")

    def share(self, value: float) -> str:
        """Return a share, 0 to 1, in percent."""
        return self.percent.format(f"{100 * value:.0f}")

    def interval(self, value: float, low: float, high: float) -> str:
        """Return a value with the interval around it."""
        return self.between.format(*map(self.fixed, (value, low, high)))

    def _own(self, number: str) -> str:
        return number.replace(".", self.decimal_mark)


ENGLISH = Words()
