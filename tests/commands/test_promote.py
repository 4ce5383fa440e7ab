"""`housing promote`: which words may stand together."""

from __future__ import annotations

import pytest

from housing_cli.commands.promote import require_ref
from housing_cli.errors import UsageError
from tests.conftest import Housing


def test_a_rollback_moves_production_alone() -> None:
    with pytest.raises(UsageError, match="`--rollback` moves `production` alone, not `canary`"):
        require_ref(None, True, "canary")


@pytest.mark.parametrize("words", [(), ("v1", "--rollback")])
def test_one_of_ref_and_rollback_is_needed(words: tuple[str, ...], housing: Housing) -> None:
    ran = housing("promote", *words)
    assert ran.code == 64
    assert "`--rollback`" in ran.stderr
