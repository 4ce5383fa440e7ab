"""What `housing registry` and `housing promote` say of versions, aliases and their history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from housing_cli.data.metrics import METRICS
from housing_cli.errors import ExitCode
from housing_cli.registry.names import APPROVED_BY
from housing_cli.registry.trials import WEIGHT
from housing_cli.show.advice import next_note
from housing_cli.show.result import Cell, Result, Table, describe
from housing_cli.words import counted, short_time

if TYPE_CHECKING:
    from housing_cli.loop.verify import Verified
    from housing_cli.registry import Event, ModelRegistry, Version
    from housing_cli.registry.minisign import PublicKey
    from housing_cli.registry.resign import Resigned


MOST_IMPORTANT = 5
"""Features whose importance is shown; `--json` and the model card have more."""
MANY_FEATURES = 20
"""More names are not listed; `--json` has them."""


def listed(registry: ModelRegistry, first: str = "train") -> Result:
    """Return the versions, newest first; one that cannot be read must not hide the others.

    first: the words after `housing` that make a first version.
    """
    aliases = registry.aliases()
    found, broken = registry.survey()
    versions = [_summary(version, aliases) for version in reversed(found)]
    rows: list[list[Cell]] = []
    for version in versions:
        shown = {**version, "aliases": ", ".join(version["aliases"]) or None}
        rows.append(list({**shown, "created": short_time(version["created"])}.values()))
    labels = {name: metric.label for name, metric in METRICS.items()} | {"r2": "R2"}
    columns = [labels.get(key, key) for key in versions[0]] if versions else []
    return Result(
        "registry ls",
        {"versions": versions, "aliases": aliases},
        show=[Table(columns, rows, spare=("parent", "R2", "rows", "MAE"))] if rows else (),
        notes=() if rows or broken else ["no versions yet", next_note(first)],
        status="error" if broken else "ok",
        exit_code=ExitCode.FAILURE if broken else ExitCode.OK,
        errors=[describe(error) for error in broken.values()],
    )


def described(version: Version, aliases: dict[str, str]) -> Result:
    """Return all that is known of one version."""
    known = msgspec.to_builtins(version.metadata)
    known["golden_rows"] = len(known.pop("golden")["outputs"])
    summary = _summary(version, aliases)
    data = {**known, "version": version.name, "aliases": summary["aliases"]}
    shown = {**_brought_forward(known), "schema": _in_short(known["schema"])}
    if dropped := known["data"].get("dropped"):
        # Why something was left out is a sentence, and no key.
        told = [f"{why}: {n}" for why, n in dropped.items()]
        shown["data"] = {**known["data"], "dropped": told}
    flat = _flat({**summary, **shown})
    facts = [[key, _moment(key, flat[key])] for key in flat if not _is_code(key, flat)]
    return Result("registry show", data, show=[Table(["key", "value"], facts, version.name)])


def _brought_forward(known: dict[str, Any]) -> dict[str, Any]:
    """Return metadata whose importances are the first few, in words, before all that is long."""
    most = list(known["importances"].items())[:MOST_IMPORTANT]
    named = ", ".join(f"{name} {value:.3g}" for name, value in most)
    rest = {key: value for key, value in known.items() if key != "importances"}
    return {"importances": named or None, **rest}


def _in_short(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with each category in a few words, and of many features and units some."""
    features, kinds = schema["features"], {}
    for name, kind in schema.get("kinds", {}).items():
        kinds[name] = kind
        if kind["kind"] == "category":
            words = counted(len(kind.get("codes", ())), "word")
            kinds[name] = f"category of {words}, {kind.get('encoding')}"
    if len(features) > MANY_FEATURES:
        more = len(features) - MOST_IMPORTANT
        features = [*features[:MOST_IMPORTANT], f"and {more} more"]
    short = {**schema, "features": features, **({"kinds": kinds} if kinds else {})}
    units = [f"{name}: {unit}" for name, unit in schema.get("units", {}).items()]
    if len(units) > MANY_FEATURES:
        units[MOST_IMPORTANT:] = [f"and {len(units) - MOST_IMPORTANT} more"]
    return {**short, "units": "; ".join(units)} if units else short


def difference(first: Version, second: Version) -> Result:
    """Return in what two versions differ."""
    left, right = (
        _flat({k: x for k, x in _brought_forward(v).items() if k != "golden"})
        for v in (msgspec.to_builtins(first.metadata), msgspec.to_builtins(second.metadata))
    )
    keys = [key for key in {**left, **right} if left.get(key) != right.get(key)]
    rows = [[key, left.get(key), right.get(key)] for key in keys]
    brief = _in_words(keys, left, right)
    same = f"{first.name} and {second.name} are the same in all that is recorded"
    return Result(
        "registry diff",
        {
            "a": first.name,
            "b": second.name,
            "changed": {key: {"a": a, "b": b} for key, a, b in rows},
        },
        show=[Table(["key", first.name, second.name], brief) if rows else same],
    )


def told(history: Sequence[Event], first: str = "train") -> Result:
    """Return who moved what, when and why, newest first; first: as in `listed`."""
    events = [msgspec.to_builtins(event) for event in reversed(history)]
    columns = ["when", "who", "event", "alias", "from", "to", "why"]
    rows: list[list[Cell]] = [
        [short_time(event["when"]), *(event[column] for column in columns[1:-1]), _why(event)]
        for event in events
    ]
    return Result(
        "registry history",
        {"events": events},
        show=[Table(columns, rows, spare=("who", "alias"))] if rows else (),
        notes=() if rows else ["nothing happened yet", next_note(first)],
    )


def _why(event: dict[str, Any]) -> str | None:
    """Return why something happened, how many rows a canary got by it, and who approved it."""
    name, weight = event["evidence"].get(APPROVED_BY), event["evidence"].get(WEIGHT)
    told = [event["why"] if event["why"] != WEIGHT else ""]
    told.append(f"{weight:g}% of the rows" if isinstance(weight, int | float) else "")
    told.append(f"approved by {name}" if isinstance(name, str) else "")
    return "; ".join(filter(None, told)) or None


def proved(verified: Verified, *, one: bool) -> Result:
    """Return what was found to be as recorded; one: a single version was asked about."""
    versions, events = len(verified.versions), verified.events
    said = f"{versions} version{'s' * (versions != 1)}, {events} event{'s' * (events != 1)}"
    said = f"{verified.versions[0]}: as recorded" if one else f"{said}: all as recorded"
    data = {
        "versions": verified.versions,
        "events": verified.events,
        "signed_by": verified.signed_by,
        "signatures_checked": verified.checked,
    }
    return Result("registry verify", data, show=[said, *_signers(verified)])


def _signers(verified: Verified) -> list[str]:
    """Return who signed which version; nothing where signatures are not used at all."""
    if not verified.checked and not any(verified.signed_by.values()):
        return []
    doubt = "" if verified.checked else " (not checked: `registry.trusted_keys` names no key)"
    return [
        f"{name}: signed by {f'key {key}{doubt}' if key else 'nobody'}"
        for name, key in verified.signed_by.items()
    ]


def signed(done: Resigned) -> Result:
    """Return what was signed, and what this key had signed before."""
    new = [*done.versions, *(f"alias {alias}" for alias in done.aliases)]
    said = f"signed by key {done.key_id}: {', '.join(new)}" if new else "nothing left to sign"
    kept = f"signed by it already: {', '.join(done.kept)}"
    return Result(
        "registry sign",
        {
            "key_id": done.key_id,
            "signed": done.versions,
            "aliases": done.aliases,
            "kept": done.kept,
        },
        show=[said, *([kept] if done.kept else [])],
    )


def key_made(file: Path, public: PublicKey) -> Result:
    """Return the public half of a new key, and where both halves go."""
    return Result(
        "registry sign",
        {"key_id": public.name, "public_key": public.line, "file": str(file)},
        show=[public.line],
        notes=[
            f"`{file}` holds the secret half: keep it from everyone, and keep a copy",
            "next, where versions are made: HOUSING_REGISTRY_SIGNING_KEY=that file",
            f'next, where they are served: [registry] trusted_keys = ["{public.line}"]',
        ],
    )


def removed(names: Sequence[str], *, dry_run: bool) -> Result:
    """Return which versions went, or would go."""
    verb = "would remove" if dry_run else "removed"
    said = f"{verb} {', '.join(names)}" if names else "nothing to remove"
    return Result("registry gc", {"removed": list(names), "dry_run": dry_run}, show=[said])


def _summary(version: Version, aliases: dict[str, str]) -> dict[str, Any]:
    metadata = version.metadata
    return {
        "version": version.name,
        "aliases": [alias for alias, name in aliases.items() if name == version.name],
        "tag": metadata.tag,
        "created": metadata.created,
        "parent": metadata.parent,
        "rows": metadata.data.rows,
        **{name: metadata.metrics.get(name) for name in (*METRICS, "r2")},
    }


_CODES = ".codes."
"""Within the key of a word's code: `schema.kinds.ocean_proximity.codes.INLAND`."""


def _in_words(keys: Sequence[str], left: dict[str, Any], right: dict[str, Any]) -> list[list[Cell]]:
    """Return the lines of what differs, the words of a category in one, without their codes."""
    lines: dict[str, list[Cell]] = {}
    words: dict[str, tuple[list[str], list[str]]] = {}
    for key in keys:
        name, found, word = key.partition(_CODES)
        if _is_code(key, left) or _is_code(key, right):
            continue
        if found and (key in left) != (key in right):
            words.setdefault(f"{name}.codes", ([], []))[key in right].append(word)
            lines[f"{name}.codes"] = []
        else:
            lines[key] = [key, *(_brief(key, side.get(key)) for side in (left, right))]
    for name, sides in words.items():
        cells = [_brief(name, f"also {', '.join(own)}" if own else None) for own in sides]
        lines[name] = [name.removesuffix(".codes"), *cells]
    return list(lines.values())


def _is_code(key: str, flat: dict[str, Any]) -> bool:
    """Return whether a fact is the bound of a band that has a word, by which it is shown."""
    band, _, bound = key.rpartition(".")
    return bound in {"low", "high"} and bool(flat.get(f"{band}.word"))


_HASH, _TIMES, _WIDE = 64, ("oldest", "newest"), 28
"""Hexadecimal digits of a SHA-256, facts that are epoch seconds, and the widest cell of two."""


def _brief(key: str, value: Any) -> Cell:
    """Return a fact so short that two of them fit beside its name; `--json` has all of it."""
    value = _moment(key, value)
    if key == "created" and isinstance(value, str):
        return short_time(value)
    if isinstance(value, str):
        if len(value) == _HASH and not value.strip("0123456789abcdef"):
            return value[:8]
        return value if len(value) <= _WIDE else f"{value[: _WIDE - 1]}\N{HORIZONTAL ELLIPSIS}"
    return value  # type: ignore[no-any-return]


def _moment(key: str, value: Any) -> Any:
    """Return a fact, local time for epoch seconds."""
    if key.rpartition(".")[2] in _TIMES and isinstance(value, float):
        return f"{datetime.fromtimestamp(value).astimezone():%Y-%m-%d %H:%M}"
    return value


def _figure(item: Any) -> str:
    return f"{item:.4g}" if isinstance(item, float) else str(item)


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested dicts as one with dotted keys; lists as text."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[prefix + key] = (
                ", ".join(map(_figure, item)) if isinstance(item, list | tuple) else item
            )
    return flat
