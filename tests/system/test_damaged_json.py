"""Each value of each JSON file of a version, damaged, is a refusal or makes no difference.

The damage is made to fit: hashes, history and digest are those of the damaged file, as if another
tool had written it. So it reaches what reads the values, which must never end in a traceback.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from housing_cli.api.served import load_served
from housing_cli.config import Settings
from housing_cli.errors import HousingError
from housing_cli.loop.evaluate import evaluate
from housing_cli.loop.promote import promote
from housing_cli.loop.verify import load_verified
from housing_cli.prediction_log import open_log
from housing_cli.registry import ModelRegistry
from housing_cli.registry.audit import audit
from housing_cli.show import registry as show
from housing_cli.show.card import render
from tests.in_process import Loop, shuffled

FILES = ("metadata.json", "intervals.json", "reference.json")
GONE = object()
VALUES: dict[str, object] = {
    "missing": GONE,
    "null": None,
    "true": True,
    "a word": "word",
    "a list of lists": [[1, "x"], []],
    "an object": {},
    "minus one": -1,
    "zero": 0,
    "1e308": 1e308,
    "2**70": 2**70,
    "odd text": "\u202e\x00\U0001f3e0",
}
RAW = {"odd UTF-8": b'"\xff"', "1e999": b"1e999"}
MARK = "@damage@"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """v1 in production and a twin, v2; labeled predictions of v1."""
    sets = ("model.params.n_estimators=5", "train.repeats=1", "train.folds=2", "train.jobs=1")
    loop = Loop(tmp_path_factory.mktemp("damaged"), shuffled(0)[:40], sets)
    registry = loop.registry
    first = registry.get("v1")
    files = {name: (first.directory / name).read_bytes() for name in first.metadata.files}
    registry.add(first.metadata, files, promote=False)
    rows = shuffled(1)[:35]
    ids = loop.predict(rows)
    log = open_log(loop.settings().log.url, loop.settings().schema())
    for key, price in zip(ids, rows["MEDV"].tolist(), strict=True):
        log.feedback(key, price)
    log.close()
    return loop


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where the values of a JSON document are; of a list the first and the last."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*path, key))
    if isinstance(value, list) and value:
        for at in sorted({0, len(value) - 1}):
            yield from places(value[at], (*path, at))


def damaged(raw: bytes, path: tuple[str | int, ...], value: object) -> bytes:
    """Return the JSON document `raw` with another value at `path`."""
    whole = json.loads(raw)
    within = whole
    for step in path[:-1]:
        within = within[step]
    if value is GONE:
        del within[path[-1]]
    else:
        within[path[-1]] = MARK if isinstance(value, bytes) else value
    text = json.dumps(whole).encode()
    return text.replace(f'"{MARK}"'.encode(), value) if isinstance(value, bytes) else text


def put(registry: ModelRegistry, name: str, raw: bytes) -> None:
    """Make `raw` the file `name` of v2, as all that stands beside it says."""
    folder = registry.directory("v2")
    (folder / name).write_bytes(raw)
    metadata = folder / "metadata.json"
    if name != "metadata.json":
        fields = json.loads(metadata.read_bytes())
        fields["files"][name] = hashlib.sha256(raw).hexdigest()
        metadata.write_text(json.dumps(fields))
    lines, previous = [], "0" * 64
    for line in registry.history_file.read_bytes().splitlines():
        event = json.loads(line) | {"prev": previous}
        if event["event"] == "registered" and event["to"] == "v2":
            digest = hashlib.sha256(metadata.read_bytes()).hexdigest()
            event["evidence"]["metadata_sha256"] = digest
        lines.append(json.dumps(event).encode())
        previous = hashlib.sha256(lines[-1]).hexdigest()
    whole = b"\n".join(lines) + b"\n"
    registry.history_file.write_bytes(whole)
    digest_file = registry.root / "history.sha256"
    digest_file.write_text(f"{hashlib.sha256(whole).hexdigest()}  history.jsonl\n")


def use(registry: ModelRegistry, settings: Settings) -> None:
    """Do with v2 all that can be done with a version; what it refuses is refused in words."""
    row = [0.0] * 13

    def serve() -> None:
        served = load_served(registry, "v2")
        [price], [spread] = served.model.scored_few([row])
        served.answer(price, spread, "id")
        served.answers([price], [spread], ["id"])
        assert price == load_served(registry, "v1").model.score_few([row])[0]

    acts = (
        serve,
        lambda: load_verified(registry, registry.get("v2")),
        lambda: evaluate(settings, "v2"),
        lambda: show.listed(registry),
        lambda: show.described(registry.get("v2"), registry.aliases()),
        lambda: show.difference(registry.get("v1"), registry.get("v2")),
        lambda: render(registry, registry.get("v2")),
        lambda: promote(settings, "v2"),
        lambda: evaluate(settings),
    )
    for act in acts:
        try:
            act()
        except HousingError as error:
            assert error.message and error.hint, error


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", [*VALUES, *RAW])
def test_a_damaged_value_is_refused_or_makes_no_difference(
    pristine: Loop, name: str, kind: str, tmp_path: Path
) -> None:
    value = (VALUES | RAW)[kind]
    raw = (pristine.registry.directory("v2") / name).read_bytes()
    failed = []
    for number, path in enumerate(places(json.loads(raw))):
        folder = tmp_path / str(number)
        shutil.copytree(pristine.registry.root, folder / "artifacts")
        shutil.copytree(pristine.folder / "logs", folder / "logs")
        registry = ModelRegistry(folder / "artifacts", 5)
        loop = object.__new__(Loop)
        loop.folder, loop.sets = folder, pristine.sets
        put(registry, name, damaged(raw, path, value))
        try:
            use(registry, loop.settings())
        except Exception as error:
            failed.append(f"{'.'.join(map(str, path))}: {type(error).__name__}: {error}")
        shutil.rmtree(folder)
    assert not failed


def test_the_damage_is_made_to_fit(pristine: Loop, tmp_path: Path) -> None:
    registry = ModelRegistry(shutil.copytree(pristine.registry.root, tmp_path / "artifacts"))
    for name in FILES:
        put(registry, name, (registry.directory("v2") / name).read_bytes())
    audit(registry)
    load_verified(registry, registry.get("v2"))
    assert load_served(registry, "v2").schema == pristine.settings().schema()
