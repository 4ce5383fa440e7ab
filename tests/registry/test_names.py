"""What versions, aliases, tags and files may be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing_cli.errors import UsageError
from housing_cli.registry.names import check_alias, check_tag, is_version, printable, storable


@pytest.mark.parametrize("name", ["v1", "v10", "v999"])
def test_a_version_is_v_and_a_number_from_one(name: str) -> None:
    assert is_version(name)


@pytest.mark.parametrize("name", [None, "", "v", "v0", "v01", "V1", "1", " v1", "v1\n", "v1.0"])
def test_nothing_else_is_a_version(name: str | None) -> None:
    assert not is_version(name)


@pytest.mark.parametrize("name", ["a", "2026-11", "spring.sale_2", "x" * 64, "vnext", "v01"])
def test_a_name_that_is_plain_may_be_a_tag_or_an_alias(name: str) -> None:
    check_tag(name)
    check_alias(name)


@pytest.mark.parametrize(
    "name", ["", "v3", "3", "latest", "previous", "x" * 65, ".a", "-a", "a b", "a/b", "é", "a\n"]
)
def test_a_name_that_could_be_taken_for_another_is_refused(name: str) -> None:
    for check, what in ((check_tag, "a tag"), (check_alias, "an alias")):
        with pytest.raises(UsageError, match=f"cannot be {what}") as raised:
            check(name)
        assert "up to 64 letters, digits" in raised.value.hint


@pytest.mark.parametrize("name", ["shadow", "canary", "candidate"])
def test_what_is_tried_or_waits_is_an_alias_and_never_a_tag(name: str) -> None:
    check_alias(name)
    with pytest.raises(UsageError, match="cannot be a tag"):
        check_tag(name)


def test_production_is_an_alias_and_never_a_tag() -> None:
    check_alias("production")
    with pytest.raises(UsageError):
        check_tag("production")


@given(st.text(max_size=70) | st.from_regex(r"[vV]?[0-9]{1,3}|[a-z.-]{1,5}", fullmatch=True))
def test_what_may_be_a_tag_or_an_alias_is_never_a_version(name: str) -> None:
    for check in (check_tag, check_alias):
        try:
            check(name)
        except UsageError as error:
            assert error.hint and "\n" not in error.message
        else:
            assert name.isascii() and name[0].isalnum() and "/" not in name
            assert not name.removeprefix("v").isdigit() or name.removeprefix("v")[0] == "0"


def test_a_message_shows_one_short_line() -> None:
    assert printable("a\nb\tc\x1b[0m") == "a b c [0m"
    assert printable("é" * 99) == "é" * 80


def test_bytes_that_are_no_text_are_stored_escaped() -> None:
    assert storable("caf\udce9 ñ") == "caf\\udce9 ñ"
