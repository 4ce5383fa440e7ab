"""A canary through a real proxy: its share, the same houses, given up in time, and no failure."""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from uuid import UUID

import httpx
import pytest
from scipy import stats

from housing_cli.config import Settings
from housing_cli.loop.route import manifest
from tests.stub_kubectl import Kubectl
from tests.system.envoy import Envoy, proxying
from tests.system.load import Answer, send, streaming
from tests.system.processes import Done, Server, environment, housing, serving

ASKED = 10_000
SECONDS = 2.0
"""Within which a server follows, and an abort is seen."""


@dataclass
class Split:
    """A folder with a registry (v1 is production), a cluster's `kubectl`, and the proxy's port."""

    cwd: Path
    kubectl: Kubectl
    envoy: Envoy

    def promote(self, *words: str) -> Done:
        """Promote as in a shell, and let the proxy follow the route as a gateway does."""
        path = f"{self.kubectl.folder}:{environment()['PATH']}"
        done = housing("promote", *words, cwd=self.cwd, env={"PATH": path})
        assert done.code == 0, done.stderr
        if "--route" in words:
            self.envoy.follow(self.kubectl.route)
        return done


def moved_at(split: Split) -> float:
    """Return when the last event of the history was, as `time.monotonic` counts."""
    last = json.loads((split.cwd / "artifacts/history.jsonl").read_text().splitlines()[-1])
    when = datetime.fromisoformat(last["when"]).timestamp()
    return time.monotonic() - (time.time() - when)


def prepared(tmp_path: Path, two_versions: Path) -> tuple[Path, Kubectl]:
    shutil.copytree(two_versions, tmp_path / "artifacts")
    return tmp_path, Kubectl(tmp_path / "cluster", manifest(Settings(), 0.0))


def port_of(server: Server) -> int:
    port = server.client.base_url.port
    assert port
    return port


@pytest.fixture
def outside(tmp_path: Path, two_versions: Path) -> Iterator[Split]:
    """Two servers, as `split-outside` sets them."""
    cwd, kubectl = prepared(tmp_path, two_versions)
    (tmp_path / "envoy").mkdir()
    with ExitStack() as stack:
        ports = {}
        for name, version in (("housing", "production"), ("housing-canary", "canary")):
            env = {"HOUSING_SERVE_VERSION": version, "HOUSING_SERVE_SPLIT": "false"}
            server = stack.enter_context(serving(cwd, env=env))
            ports[name] = port_of(server)
        envoy = stack.enter_context(proxying(tmp_path / "envoy", kubectl.route, ports))
        yield Split(cwd, kubectl, envoy)


@pytest.fixture
def inside(tmp_path: Path, two_versions: Path) -> Iterator[Split]:
    """One server, as `split-inside` sets it; the proxy passes everything to it."""
    cwd, kubectl = prepared(tmp_path, two_versions)
    (tmp_path / "envoy").mkdir()
    env = {"HOUSING_SERVE_VERSION": "production", "HOUSING_SERVE_SPLIT": "true"}
    with serving(cwd, env=env) as server:
        ports = dict.fromkeys(("housing", "housing-canary"), port_of(server))
        with proxying(tmp_path / "envoy", kubectl.route, ports) as envoy:
            yield Split(cwd, kubectl, envoy)


def arms(answers: list[Answer]) -> dict[str | None, str | None]:
    """Return which version answered each key; no request may have failed."""
    failed = [answer for answer in answers if answer.status != 200]
    assert not failed, failed[:3]
    versions = dict.fromkeys(answer.key for answer in answers)
    for answer in answers:
        assert versions[answer.key] in {None, answer.version}, f"{answer.key} changed its arm"
        versions[answer.key] = answer.version
    return versions


def all_of(answers: list[Answer], version: str) -> bool:
    """Return whether there are 50 answers, all of them of one version."""
    return [answer.version for answer in answers] == [version] * 50


def in_its_interval(count: int, asked: int, share: float) -> bool:
    """Return whether so many of the requests are a share, at a confidence of 99.9 %."""
    low, high = stats.binom.interval(0.999, asked, share)
    return bool(low <= count <= high)


def the_share_is_sticky_and_grows(split: Split, *route: str) -> None:
    """30 % of 10,000 houses are 30 %, the same ones again, and still so when there are 60 %."""
    random = Random(1)
    keys = [str(UUID(int=random.getrandbits(128))) for _ in range(ASKED)]
    split.promote("v2", "--to", "canary", "--weight", "30", *route)
    wait_for_canary(split)
    first = arms(send(split.envoy.port, keys))
    assert in_its_interval(Counter(first.values())["v2"], ASKED, 0.3)
    assert set(first.values()) == {"v1", "v2"}
    again = arms(send(split.envoy.port, keys[:1000]))
    assert again == {key: first[key] for key in keys[:1000]}
    split.promote("--weight", "60", *route)
    if not route:
        wait_for_weight(split, 60.0)
    more = arms(send(split.envoy.port, keys[:2000]))
    assert in_its_interval(Counter(more.values())["v2"], 2000, 0.6)
    assert {key for key in more if first[key] == "v2"} <= {k for k in more if more[k] == "v2"}


def wait_for_weight(split: Split, weight: float) -> None:
    """Wait until the server behind the proxy, which splits, knows the weight."""
    until = time.monotonic() + 10
    with httpx.Client(base_url=f"http://127.0.0.1:{split.envoy.port}", timeout=10) as client:
        while client.get("/version").json()["canary"]["weight"] != weight:
            assert time.monotonic() < until
            time.sleep(0.05)


def wait_for_canary(split: Split) -> None:
    """Wait until the canary answers: servers follow within two seconds."""
    probes = (f"probe-{number}" for number in itertools.count())
    with streaming(split.envoy.port, itertools.islice(probes, 500)) as stream:
        stream.until(lambda seen: any(a.version == "v2" for a in seen), time.monotonic(), 10)


def no_failure_and_an_abort_in_time(split: Split, *route: str) -> None:
    """Begun, given more, given up, begun again, made production: under requests all the time."""
    keys = [f"house-{number}" for number in range(300)]
    with streaming(split.envoy.port, keys) as stream:
        for weight in ("30", "60"):
            split.promote("v2", "--to", "canary", "--weight", weight, *route)
            stream.until(lambda seen: any(a.version == "v2" for a in seen), time.monotonic(), 10)
        split.promote("--abort", "--reason", "slow", *route)
        aborted = moved_at(split)
        time.sleep(SECONDS + 2)
        late = [a for a in stream.answers if a.version == "v2" and a.when > aborted]
        assert max([a.when - aborted for a in late], default=0.0) <= SECONDS
        assert [a for a in stream.answers if a.when > aborted + SECONDS]
        split.promote("v2", "--to", "canary", "--weight", "50", *route)
        stream.until(lambda seen: any(a.version == "v2" for a in seen), time.monotonic(), 10)
        split.promote("canary", "--force", *route)
        done = stream.until(lambda seen: all_of(seen[-50:], "v2"), time.monotonic(), 10)
        time.sleep(1)
    after = {answer.version for answer in stream.answers if answer.when > done}
    assert after == {"v2"}
    assert Counter(answer.status for answer in stream.answers) == {200: len(stream.answers)}


def test_outside_a_share_is_that_share_and_sticky(outside: Split) -> None:
    the_share_is_sticky_and_grows(outside, "--route", "apply")
    # Without a header it is by chance, and the same share.
    answers = send(outside.envoy.port, [None] * 2000)
    assert {answer.status for answer in answers} == {200}
    count = Counter(answer.version for answer in answers)["v2"]
    assert in_its_interval(count, 2000, 0.6)


def test_inside_a_share_is_that_share_and_sticky(inside: Split) -> None:
    the_share_is_sticky_and_grows(inside)


def test_outside_no_request_fails(outside: Split) -> None:
    no_failure_and_an_abort_in_time(outside, "--route", "apply")


def test_outside_an_abort_needs_no_route(outside: Split) -> None:
    """The route goes on to send 60 % to the canary's server, which serves production."""
    outside.promote("v2", "--to", "canary", "--weight", "60", "--route", "apply")
    wait_for_canary(outside)
    keys = [f"house-{number}" for number in range(300)]
    with streaming(outside.envoy.port, keys) as stream:
        outside.promote("--abort", "--reason", "slow")
        aborted = moved_at(outside)
        time.sleep(SECONDS + 1)
    assert outside.kubectl.weights == [4000, 6000]
    late = [a.when - aborted for a in stream.answers if a.version == "v2"]
    assert max(late) <= SECONDS
    assert {a.version for a in stream.answers if a.when > aborted + SECONDS} == {"v1"}
    assert {answer.status for answer in stream.answers} == {200}


def test_inside_no_request_fails(inside: Split) -> None:
    no_failure_and_an_abort_in_time(inside)
