"""The verdict of `housing evaluate` in Prometheus's text format."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from housing_cli.show.prometheus import exposition, leave_failure, leave_verdict
from housing_cli.show.result import Result
from tests.system.monitoring_stack import DEGRADED, VERDICT, values
from tests.system.processes import housing

Request = tuple[str, str, str | None, dict[str, float]]
"""Method, path, `Authorization` and samples of what a Pushgateway was sent."""

LAST = "housing_evaluation_last_exit_code"
NOTHING = {"current": None, "ratio": None, "interval": None, "n": 0, "verdict": "insufficient"}


def test_the_verdict_is_what_the_exit_code_says() -> None:
    found = values(exposition(DEGRADED, now=1700000000.5))
    assert found["housing_evaluation_exit_code v3"] == 2
    assert found["housing_evaluation_verdict v3 degraded"] == 1
    assert found["housing_evaluation_verdict v3 healthy"] == 0
    assert found["housing_evaluation_ratio v3 rmse"] == 1.5
    assert found["housing_evaluation_limit v3 rmse"] == 1.1
    assert found["housing_evaluation_drifted_columns v3"] == 2
    assert found["housing_evaluation_timestamp_seconds"] == 1700000000.5


def test_what_is_unknown_is_left_out() -> None:
    found = values(exposition(Result("evaluate", VERDICT | NOTHING), now=1.0))
    assert "housing_evaluation_ratio v3 rmse" not in found
    assert found["housing_evaluation_labeled_rows v3"] == 0


def test_a_textfile_is_replaced_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "housing.prom"
    target.write_text("old")
    assert leave_verdict(DEGRADED, str(target)) == ""
    assert "housing_evaluation_exit_code" in target.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["housing.prom"]


def test_a_failure_stands_beside_the_last_verdict(tmp_path: Path) -> None:
    target = tmp_path / "housing.prom"
    assert leave_failure(1, str(target)) == ""
    assert values(target.read_text()) == {LAST: 1}
    leave_verdict(DEGRADED, str(target))
    before = values(target.read_text())
    assert before[LAST] == before["housing_evaluation_exit_code v3"] == 2
    leave_failure(64, str(target))
    assert values(target.read_text()) == before | {LAST: 64}


@pytest.mark.parametrize(
    ("options", "code"), [(["--set", "log.url=bogus:x"], 1), (["--threshold", "-1"], 64)]
)
def test_the_command_leaves_how_it_failed(options: list[str], code: int, tmp_path: Path) -> None:
    done = housing("evaluate", *options, "--prometheus", "v.prom", cwd=tmp_path)
    assert done.code == code, done.stderr
    assert values((tmp_path / "v.prom").read_text()) == {LAST: code}


AWAY = "the verdict could not be left at"
NO_ADDRESSES = ["http://[me:secret@1", "http://me:secret@localhost:port/", "https://a b/"]


@pytest.mark.parametrize(
    "target", ["/nowhere/housing.prom", "http://127.0.0.1:1", "http://", *NO_ADDRESSES]
)
def test_monitoring_that_is_away_is_a_warning(target: str) -> None:
    for warning in (leave_verdict(DEGRADED, target), leave_failure(1, target)):
        assert warning.startswith(AWAY)
        assert "secret" not in warning


def test_a_gateway_that_speaks_no_http_is_a_warning() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-server\r\n")
                connection.recv(1 << 16)

        thread = threading.Thread(target=greet)
        thread.start()
        warning = leave_verdict(DEGRADED, f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert warning.startswith(AWAY)


@pytest.fixture
def gateway() -> Iterator[tuple[str, list[Request]]]:
    """Give the address of an HTTP server that stands for a Pushgateway, and what it is sent."""
    sent: list[Request] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            sent.append((self.command, self.path, self.headers["Authorization"], values(body)))
            self.send_response(200)
            self.end_headers()

        do_POST = do_PUT  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", sent
    server.shutdown()
    server.server_close()


def test_a_verdict_replaces_the_job_and_a_failure_stands_beside_it(
    gateway: tuple[str, list[Request]],
) -> None:
    address, sent = gateway
    assert leave_verdict(DEGRADED, f"http://{address}/") == ""
    assert leave_failure(1, f"http://{address}") == ""
    put, post = sent
    assert put[:3] == ("PUT", "/metrics/job/housing_evaluate", None)
    assert put[3]["housing_evaluation_exit_code v3"] == 2
    assert post == ("POST", "/metrics/job/housing_evaluate", None, {LAST: 1})


def test_a_name_and_password_in_the_address_are_used(gateway: tuple[str, list[Request]]) -> None:
    address, sent = gateway
    assert leave_verdict(DEGRADED, f"http://me:s%40crt@{address}") == ""
    assert sent[0][2] == "Basic bWU6c0BjcnQ="


def test_a_password_is_never_printed() -> None:
    warning = leave_verdict(DEGRADED, "http://me:secret@127.0.0.1:1/base")
    assert "secret" not in warning
    assert "http://127.0.0.1:1/base" in warning


def test_a_textfile_that_is_none_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "housing.prom"
    target.write_text("{half a line")
    assert leave_failure(1, str(target)) == ""
    assert values(target.read_text()) == {LAST: 1}
    assert target.stat().st_mode & 0o777 == 0o644
