"""What a connection may do to a server: dawdle, never end, never read, offer another protocol."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import select
import socket
import time
from pathlib import Path

import pytest

from tests.api.server_process import Start, logged_ids
from tests.api.serving import ROW

pytestmark = pytest.mark.slow


def test_header_timeout_closes_a_connection_that_dawdles(start: Start) -> None:
    server = start(HOUSING_SERVE_HEADER_TIMEOUT="1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\n")
        assert connection.recv(1000) == b""  # closed, not timed out


def test_request_timeout_answers_408_to_a_body_that_dawdles(start: Start) -> None:
    server = start(HOUSING_SERVE_REQUEST_TIMEOUT="0.5")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Content-Length: 100\r\n\r\n{")
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_a_body_that_never_begins_is_408(start: Start, framing: bytes) -> None:
    server = start(HOUSING_SERVE_REQUEST_TIMEOUT="0.5")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(head + framing + b"\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("piece", [b"y" * 65536, b"A: " + b"y" * 1000 + b"\r\n"])
def test_headers_without_end_are_431(start: Start, piece: bytes) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nB: ")
        time.sleep(0.1)
        with contextlib.suppress(ConnectionError):
            for _ in range(5000):
                connection.sendall(piece)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = connection.recv(1000)
        assert answer[:13] in {b"HTTP/1.1 431 ", b""}  # a reset may overtake the answer
    assert server.client.get("/healthz").status_code == 200
    assert "Traceback" not in server.errors.read_text()


def test_an_empty_line_does_not_hold_a_connection(start: Start) -> None:
    server = start(HOUSING_SERVE_HEADER_TIMEOUT="1")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b'{"status":"ok"}'  # head and body come apart
    with connection.sock as held:
        held.sendall(b"\r\n")
        assert held.recv(1000) == b""  # closed, not timed out


def test_requests_in_many_pieces_and_in_one_are_answered(start: Start) -> None:
    server = start()
    body = json.dumps(ROW).encode()
    one = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(one * 300)
        got = b""
        while got.count(b"HTTP/1.1 200 ") < 300:
            more = connection.recv(1 << 16)
            assert more, got[-300:]
            got += more
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for byte in one:
            connection.sendall(bytes([byte]))
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_an_endless_body_is_413_before_its_end(start: Start) -> None:
    server = start(HOUSING_API_MAX_BODY_BYTES="100000")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.sendall((b"1000\r\n" + b" " * 0x1000 + b"\r\n") * 26)
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def post(path: str, body: bytes, *headers: bytes) -> bytes:
    """Return the bytes of a request with a JSON body."""
    head = (b"POST %b HTTP/1.1" % path.encode(), b"Host: x", b"Content-Type: application/json")
    framing = () if any(h.startswith(b"Transfer") for h in headers) else (len(body),)
    lengths = [b"Content-Length: %d" % length for length in framing]
    return b"\r\n".join((*head, *headers, *lengths, b"", b"")) + body


def answers(connection: socket.socket, count: int) -> bytes:
    """Return what comes until `count` answers have begun and the last has ended with a brace."""
    got = b""
    while got.count(b"HTTP/1.1 ") < count or not got.endswith(b"}"):
        more = connection.recv(1 << 16)
        assert more, got
        got += more
    return got


@pytest.mark.parametrize("offer", [b"h2c", b"websocket"])
@pytest.mark.parametrize("pieces", [1, 1000])
def test_an_offer_of_another_protocol_is_declined_by_answering(
    start: Start, tmp_path: Path, offer: bytes, pieces: int
) -> None:
    server = start()
    body = json.dumps(ROW).encode()
    offered = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + offer)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    sent = (
        post("/predict", body, *offered)
        + post("/predict", chunked, b"Transfer-Encoding: chunked", *offered)
        + b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"\r\n".join(offered) + b"\r\n\r\n"
        + post("/predict", body)
    )  # fmt: skip
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for start_ in range(0, len(sent), max(len(sent) // pieces, 1)):
            connection.sendall(sent[start_ : start_ + max(len(sent) // pieces, 1)])
        got = answers(connection, 4)
    assert got.count(b"HTTP/1.1 200 ") == 4, got
    assert len(logged_ids(tmp_path)) == 3


def test_a_declined_offer_keeps_the_wish_to_close(start: Start) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n"
        connection.sendall(head + b"Connection: Upgrade\r\nConnection: close\r\n\r\n")
        got = b""
        while more := connection.recv(1000):  # to the end: the server closes
            got += more
    assert got.startswith(b"HTTP/1.1 200 ")


def test_a_request_for_a_tunnel_is_400(start: Start) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "piece", [b"y" * 65536, b"A: " + b"y" * 1000 + b"\r\n", b"1;" + b"y" * 65536]
)
def test_trailers_without_end_are_not_read(start: Start, piece: bytes) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        last = b"" if piece.startswith(b"1;") else b"0\r\nA: y"
        connection.sendall(post("/predict", b"1\r\n{\r\n" + last, b"Transfer-Encoding: chunked"))
        with pytest.raises(ConnectionError):
            for _ in range(5000):
                connection.sendall(piece)
    assert server.client.get("/healthz").status_code == 200
    assert "Traceback" not in server.errors.read_text()


def test_who_never_reads_is_not_waited_for(start: Start) -> None:
    server = start(HOUSING_SERVE_REQUEST_TIMEOUT="1")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 3000)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        ended = select.poll()
        ended.register(connection, 0)  # errors and hang-ups alone
        assert ended.poll(20_000)
    assert server.stop() == 0


def test_a_head_that_is_too_long_in_one_piece_is_431(start: Start) -> None:
    server = start()
    for size, status in ((60_000, b"200"), (70_000, b"431")):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(
                b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nB: %b\r\n\r\n"
                % (b"y" * size)
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 " + status)


def test_a_head_that_is_too_long_in_two_pieces_is_431(start: Start) -> None:
    """It begins behind another request, and ends in a piece that is not too long by itself."""
    server = start()
    head = b"GET /healthz HTTP/1.1\r\nB: %b\r\n\r\n" % (b"y" * 70_000)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n\r\n" + head[:10_000])
        first = connection.recv(1)
        connection.sendall(head[10_000:])
        got = first + to_the_end(connection)
    assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"200", b"431"]


def test_who_sends_all_of_a_refused_body_before_he_listens_sees_the_413(start: Start) -> None:
    server = start(HOUSING_API_MAX_BODY_BYTES="100000")
    body = b" " * 6_000_000
    head = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(head + body)
            answer = b""
            while part := connection.recv(4096):
                answer += part
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"at most 100000 bytes" in answer


def to_the_end(connection: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    got = b""
    while more := connection.recv(1 << 16):
        got += more
    return got


def test_who_sends_no_more_is_answered(start: Start, tmp_path: Path) -> None:
    server = start()
    row = json.dumps(ROW).encode()
    batch = b'{"rows":[%b]}' % b",".join([row] * 2000)
    for asked in (post("/predict", row), post("/predict/batch", batch) + post("/predict", row) * 2):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(asked)
            connection.shutdown(socket.SHUT_WR)
            got = to_the_end(connection)
        assert got.count(b"HTTP/1.1 200 ") == asked.count(b"HTTP/1.1"), got[-300:]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(post("/predict", row)[:-5])
        connection.shutdown(socket.SHUT_WR)
        assert to_the_end(connection) == b""
    assert server.stop() == 0
    assert len(logged_ids(tmp_path)) == 1 + 2002


@pytest.mark.parametrize(
    ("wrong", "status"),
    [(b"GARBAGE\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\nB: %b\r\n\r\n" % (b"y" * 70_000), b"431")],
)
def test_what_is_wrong_is_said_after_the_answers_that_are_due(
    start: Start, wrong: bytes, status: bytes
) -> None:
    server = start()
    row = json.dumps(ROW).encode()
    batch = b'{"rows":[%b]}' % b",".join([row] * 2000)
    good = post("/predict/batch", batch) + post("/predict", row)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(good + wrong + post("/predict", row))
        got = to_the_end(connection)
    assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"200", b"200", status], got[-300:]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(wrong)
        assert to_the_end(connection).startswith(b"HTTP/1.1 " + status)
