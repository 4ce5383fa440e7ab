"""The error tree and the exit codes, which scripts act on."""

from __future__ import annotations

import re

import pytest

from housing_cli import errors
from housing_cli.errors import ExitCode, HousingError

KINDS = [
    kind for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HousingError)
]  # fmt: skip


def test_the_exit_codes_are_those_of_the_contract() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "FAILURE": 1,
        "DEGRADED": 2,
        "INSUFFICIENT": 3,
        "REFUSED": 4,
        "USAGE": 64,
        "INTERRUPTED": 130,
    }


def test_the_error_tree_is_drawn_as_it_is() -> None:
    """Name by name, and each below its parent."""
    parents, drawn = ["HousingError"], {}
    for indent, name in re.findall(r"^([│ ]*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4 + 1
        parents[depth:] = [name]
        drawn[name] = parents[depth - 1]
    real = {kind.__name__: kind.mro()[1].__name__ for kind in KINDS if kind is not HousingError}
    assert drawn == real


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_message_a_hint_and_evidence(kind: type[HousingError]) -> None:
    error = kind("it broke", "mend it", {"n": 3})
    assert (str(error), error.message, error.hint) == ("it broke", "it broke", "mend it")
    assert error.evidence == {"n": 3}
    assert (kind("it broke").hint, kind("it broke").evidence) == ("", {})


def test_evidence_is_the_errors_own() -> None:
    figures: dict[str, object] = {"n": 3}
    error = HousingError("it broke", "", figures)
    figures["n"] = 4
    assert error.evidence == {"n": 3}
