"""The names of a table's columns: what is wrong with them, and what was likely meant."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from housing_cli.data.guesses import init_command, likely_targets
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError

SHOWN = 5
"""Names of columns in a message, before `and 9 more`."""
FOREIGN = 12
"""The same of a table that is another one."""
_NEAR = 0.85
"""How alike a misspelled name is to the right one, as difflib has it."""
PART = "part the columns by commas, semicolons or tabs"
_OTHER_SEPARATORS = "|:^"
_CASE, _SPACES, _UNICODE = "upper and lower case", "spaces", "Unicode form"
_OWN = "name the right ones under `[data]` in the settings"
_SETTINGS = "writes settings for it; `--config FILE` names those that there are"


def look(name: str) -> str:
    """Return what a name looks like: two names of one look cannot be told apart by eye."""
    composed = unicodedata.normalize("NFC", name)
    return " ".join("".join(c for c in composed if unicodedata.category(c) != "Cf").split())


def meaning(name: str) -> str:
    """Return what a name most likely means, whatever its case, spaces and Unicode form."""
    return re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", look(name)).casefold())


def hits(header: Sequence[str], schema: FeatureSchema) -> int:
    """Return how many columns of `schema` the names of a line may mean."""
    meant = {meaning(name) for name in header}
    return sum(meaning(name) in meant for name in (*schema.features, schema.target))


def check_header(
    header: Sequence[str], path: Path, schema: FeatureSchema, *, target: bool = True
) -> None:
    """Raise `DataError` where a column of `schema` is missing, or there twice.

    target: the target is needed, too, and the settings are what names the columns; otherwise it is
    a version that was trained, and the table must follow it.
    """
    needed = [*schema.features, *([schema.target] if target else [])]
    _check_once(header, needed, path)
    missing = [name for name in needed if name not in header]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        named = ", ".join(f"`{name}`" for name in missing)
        hint = _hint(header, missing, path, schema, target=target)
        raise DataError(f"`{path}` lacks column{plural} {named}", hint)


def check_names_there(header: Sequence[str], path: Path) -> None:
    """Raise `DataError` where the first line of an unknown table holds no column names."""
    if all(_is_number(name) for name in header):
        raise DataError(
            f"`{path}` has no column names",
            f"write them into the first line, which holds {_shown(header)}",
        )
    mark = next((mark for mark in _OTHER_SEPARATORS if mark in header[0]), "")
    if len(header) == 1 and mark:
        raise DataError(
            f"`{path}` has one column, `{printable(header[0])}`",
            f"its columns seem to be parted by `{mark}`; {PART}",
        )


def title(path: Path, place: str, name: str) -> DataError:
    """Return what to raise where the first line of an unknown table holds one name alone."""
    return DataError(
        f"`{path}`, {place}: `{printable(name)}` stands where the column names should",
        "remove what stands before the column names",
    )


def _check_once(header: Sequence[str], needed: Sequence[str], path: Path) -> None:
    looks: dict[str, str] = {}
    wanted = {look(name) for name in needed}
    for name in header:
        before = looks.setdefault(look(name), name)
        if look(name) not in wanted or (before == name and header.count(name) == 1):
            continue
        if before == name:
            if name in needed:
                raise DataError(f"`{path}` has column `{name}` twice", "keep one of them")
            continue
        raise DataError(
            f"`{path}` has two columns `{look(name)}`, which differ only in "
            f"{_difference(before, name)} ({before!a} and {name!a})",
            "keep one of them, or rename one",
        )


def _hint(
    header: Sequence[str],
    missing: Sequence[str],
    path: Path,
    schema: FeatureSchema,
    *,
    target: bool,
) -> str:
    similar = {name: column for name in missing if (column := _similar(name, header)) is not None}
    if similar:
        return (
            f"{_setting(similar, schema)}, or {_renaming(similar)}"
            if target
            else _renaming(similar)
        )
    if target and (near := _near(header, missing, schema)):
        return f"did you mean {_shown(list(near.values()))}? {_setting(near, schema)}"
    needed = len(schema.features) + target
    if all(_is_number(name) for name in header):
        return f"the first line must hold the column names; it holds {_shown(header)}"
    if len(header) == 1 and (separator := _separator(header[0], schema)):
        return f"its columns seem to be parted by `{separator}`; {PART}"
    if 2 * len(missing) > needed:
        likely = [schema.target, *likely_targets(header), "COLUMN"]
        price = next(name for name in likely if name in header or name == likely[-1])
        return f"it has {_shown(header, FOREIGN)}: `{init_command(path, price)}` {_SETTINGS}"
    return f"add the columns, or {_OWN}"


def _similar(name: str, header: Sequence[str]) -> str | None:
    return next((column for column in header if meaning(column) == meaning(name)), None)


def _near(header: Sequence[str], missing: Sequence[str], schema: FeatureSchema) -> dict[str, str]:
    """Return the column that each missing name is a misspelling of; nothing: not of them all."""
    taken = {*schema.features, schema.target}
    free = {meaning(name): name for name in header if name and name not in taken}
    found: dict[str, str] = {}
    for name in missing:
        close = get_close_matches(meaning(name), free, n=1, cutoff=_NEAR)
        if not close:
            return {}
        found[name] = free.pop(close[0])
    return found


def _setting(meant: dict[str, str], schema: FeatureSchema) -> str:
    """Say what the settings must name; meant: the column for each name that they have."""
    features = [name for name in meant if name != schema.target]
    if len(meant) > SHOWN:
        both = "`data.target` and `data.features`" if schema.target in meant else "`data.features`"
        return f"write the file's names in {both}"
    said = []
    if schema.target in meant:
        said.append(f"`data.target = {_quoted(schema.target, meant)}`")
    if features:
        named = ", ".join(f"`{_quoted(name, meant)}`" for name in features)
        said.append(f"{named} in `data.features`")
    return f"write {' and '.join(said)}"


def _quoted(name: str, meant: dict[str, str]) -> str:
    """Return a column's name as TOML has it, by codes where it looks like the other one."""
    return json.dumps(meant[name], ensure_ascii=look(meant[name]) == look(name))


def _renaming(similar: dict[str, str]) -> str:
    kinds = {_difference(column, name) for name, column in similar.items()}
    pairs = [f"`{column}` to `{name}`" for name, column in similar.items()]
    if _UNICODE in kinds or _SPACES in kinds:  # the names look the same
        pairs = [f"{column!a} to {name!a}" for name, column in similar.items()]
        pairs[-1] += f" (they differ in {' and '.join(sorted(kinds))})"
    more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    case = ": they differ in upper and lower case" if more and kinds == {_CASE} else ""
    return f"rename {', '.join(pairs[:SHOWN])}{more}{case}"


def _difference(one: str, other: str) -> str:
    """Say in what two names of one meaning differ."""
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return _UNICODE
    if look(one) == look(other):
        spaces = "".join(one.split()) == "".join(other.split())
        return _SPACES if spaces else _UNICODE
    return _CASE if look(one).casefold() == look(other).casefold() else "writing"


def _separator(line: str, schema: FeatureSchema) -> str | None:
    """Return what parts the names of `line`, where that is a character that no table may use."""
    return next((mark for mark in _OTHER_SEPARATORS if hits(line.split(mark), schema) > 1), None)


def _is_number(name: str) -> bool:
    return re.fullmatch(r"[+-]?[\d.,]*(e[+-]?\d+)?|NA|nan", name, re.IGNORECASE) is not None


def _shown(header: Sequence[str], most: int = SHOWN) -> str:
    header = [name for name in header if name]  # an index of pandas has no name
    names = ", ".join(f"`{printable(name)}`" for name in header[:most])
    return names + (f" and {len(header) - most} more" if len(header) > most else "")


def printable(text: str) -> str:
    """Return the beginning of a text in one line, fit for a message."""
    return "".join(c if c.isprintable() else " " for c in text[:40])
