"""The whole loop with PostgreSQL as the log: two servers, and a database that goes away."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.prediction_log import open_log
from tests.conftest import FEATURES, SHIPPED
from tests.postgres import PostgresServer, running
from tests.system.processes import Server, housing, serving
from tests.system.test_faults import assert_refused

ROW: dict[str, float | None] = dict.fromkeys(FEATURES)
SCHEMA = FeatureSchema(tuple(FEATURES), "MEDV")


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A database server that this test may stop."""
    with running() as server:
        yield server


def test_the_loop_with_two_servers_on_one_database(
    artifacts: Path, postgres: PostgresServer
) -> None:
    folder = artifacts.parent
    env = {"HOUSING_LOG_URL": postgres.url()}
    rows = pd.read_csv(SHIPPED).iloc[np.random.default_rng(7).permutation(506)[:120]]
    with serving(folder, env=env) as one, serving(folder, "--workers", "2", env=env) as two:
        ids = []
        for number, row in enumerate(rows.replace({np.nan: None}).to_dict("records")):
            price = row.pop("MEDV")
            # What one server predicted the other one labels.
            asked, told = (one, two) if number % 2 else (two, one)
            answer = asked.client.post("/predict", json=row)
            assert answer.status_code == 200, answer.text
            ids.append(answer.json()["id"])
            body = {"id": ids[-1], "real_price": price * 2}
            assert told.client.post("/feedback", json=body).json()["status"] == "recorded"
            assert asked.client.post("/feedback", json=body).json()["status"] == "unchanged"
        batch = two.client.post("/predict/batch", json={"rows": [ROW] * 1000}).json()
        ids += [made["id"] for made in batch["predictions"]]
        assert one.client.post(
            "/feedback", json={"id": ids[-1], "real_price": 20.5}
        ).json()["status"] == "recorded"  # fmt: skip
        judged = housing("evaluate", "--json", cwd=folder, env=env)
        assert judged.code == 2, judged.stdout
        assert judged.json["data"]["n"] == len(rows) + 1
        assert (one.stop(), two.stop()) == (0, 0)
    log = open_log(postgres.url(), SCHEMA)
    assert sorted(log.predictions().ids) == sorted(ids)
    log.close()


class Client(threading.Thread):
    """Predicts and labels without pause, and notes what was acknowledged."""

    def __init__(self, server: Server, stop: threading.Event) -> None:
        super().__init__()
        self.url, self.stop = server.client.base_url, stop
        self.prices: dict[str, float | None] = {}
        self.statuses: Counter[int] = Counter()
        self.reasons: set[str] = set()

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=40) as client:
            price = 1.0
            while not self.stop.is_set():
                answer = client.post("/predict", json=ROW)
                self.note(answer)
                if answer.status_code != 200:
                    continue
                made = answer.json()["id"]
                self.prices[made] = None
                price += 1
                answer = client.post("/feedback", json={"id": made, "real_price": price})
                self.note(answer)
                if answer.status_code == 200:
                    self.prices[made] = price

    def note(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        if answer.status_code == 503:
            self.reasons.add(answer.json()["detail"])
            time.sleep(0.01)


def test_a_database_that_goes_away_and_comes_back(
    artifacts: Path, postgres: PostgresServer
) -> None:
    env = {"HOUSING_LOG_URL": postgres.url(password="s3cret")}
    stop = threading.Event()
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(artifacts.parent, env=env)) for _ in range(2)]
        clients = [Client(server, stop) for server in servers for _ in range(2)]
        for client in clients:
            client.start()
        try:
            for mode in ("immediate", "fast"):
                time.sleep(0.7)
                postgres.stop(mode)
                for server in servers:
                    server.wait_for(lambda s=server: s.client.get("/readyz").status_code == 503, 10)
                    assert "prediction log" in server.client.get("/readyz").text
                    assert server.client.get("/healthz").status_code == 200
                    refused = server.client.post("/predict", json=ROW)
                    assert_refused(refused, "cannot be used")
                postgres.start()
                for server in servers:
                    server.wait_until_ready(10)
                    assert server.client.post("/predict", json=ROW).status_code == 200
            time.sleep(0.7)
        finally:
            stop.set()
            for client in clients:
                client.join()
        assert {server.stop() for server in servers} == {0}
        said = "".join(line for server in servers for line in server.output)
        assert "Traceback" not in said
        assert "s3cret" not in said
    for client in clients:
        assert set(client.statuses) == {200, 503}, client.statuses
        assert client.statuses[503] < client.statuses[200]
        assert all("s3cret" not in reason for reason in client.reasons)
    log = open_log(postgres.url(), SCHEMA)
    logged, labeled = set(log.predictions().ids), log.labeled()
    real = dict(zip(labeled.ids, labeled.real.tolist(), strict=True))
    log.close()
    acknowledged = {key: price for client in clients for key, price in client.prices.items()}
    assert set(acknowledged) <= logged
    assert {key: real.get(key) for key, price in acknowledged.items() if price} == {
        key: price for key, price in acknowledged.items() if price
    }
