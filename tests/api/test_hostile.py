"""No request gets a 5xx because of what is in it, and each gets the answer that it deserves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.api.serving import FEATURES, ROW

pytestmark = pytest.mark.slow

GOOD = json.dumps(ROW).encode()
JSON = {"content-type": "application/json"}


def with_rm(literal: bytes) -> bytes:
    """Return the good body with another literal for RM."""
    return GOOD.replace(b'"RM": 6.575', b'"RM": ' + literal)


NEST = 100_000
BODIES: dict[str, tuple[bytes, int]] = {
    # accepted, though odd
    "space around": (b" \r\n\t" + GOOD + b"\n", 200),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, 200),
    "utf-16": (GOOD.decode().encode("utf-16"), 200),
    "utf-32": (GOOD.decode().encode("utf-32"), 200),
    "escaped key": (GOOD.replace(b'"RM"', b'"\\u0052M"'), 200),
    "key twice": (GOOD[:-1] + b', "RM": 7.0}', 200),
    "key twice, first wrong": (b'{"RM": "x", ' + GOOD[1:], 200),
    "exponent": (with_rm(b"6.575E0"), 200),
    "negative zero": (with_rm(b"-0"), 200),
    "tiny": (with_rm(b"1e-400"), 200),
    "largest float32": (with_rm(b"3.4028234663852886e38"), 200),
    "beyond float32": (with_rm(b"3.402823466385289e38"), 422),
    "below float32": (with_rm(b"-1e300"), 422),
    "largest float": (with_rm(b"1.7976931348623157e308"), 422),
    "64-bit integer": (with_rm(b"18446744073709551617"), 200),
    "many digits": (with_rm(b"6." + b"5" * 5000), 200),
    "all null": (json.dumps(dict.fromkeys(FEATURES)).encode(), 200),
    # numbers that are none
    "NaN": (with_rm(b"NaN"), 422),
    "Infinity": (with_rm(b"Infinity"), 422),
    "minus Infinity": (with_rm(b"-Infinity"), 422),
    "1e400": (with_rm(b"1e400"), 422),
    "10**400": (with_rm(b"1" + b"0" * 400), 422),
    "10**5000": (with_rm(b"1" + b"0" * 5000), 400),
    "true": (with_rm(b"true"), 422),
    "text": (with_rm(b'"6.5"'), 422),
    "empty text": (with_rm(b'""'), 422),
    "array": (with_rm(b"[6.5]"), 422),
    "object": (with_rm(b'{"a": 1}'), 422),
    "NaN in an array": (with_rm(b"[NaN]"), 422),
    "NaN as a key's value": (with_rm(b'{"x": Infinity}'), 422),
    "hexadecimal": (with_rm(b"0x6"), 422),
    "leading zero": (with_rm(b"06.5"), 422),
    "plus": (with_rm(b"+6.5"), 422),
    "no digit after the point": (with_rm(b"6."), 422),
    "no digit before the point": (with_rm(b".5"), 422),
    "underscore": (with_rm(b"6_5"), 422),
    "comma": (with_rm(b"6,5"), 422),
    "undefined": (with_rm(b"undefined"), 422),
    # text that cannot be written again
    "lone surrogate": (with_rm(b'"\\ud800"'), 422),
    "lone surrogate as a key": (GOOD[:-1] + b', "\\ud800": 1}', 422),
    "lone low surrogate": (with_rm(b'"a\\udfffb"'), 422),
    "NUL": (with_rm(b'"\\u0000"'), 422),
    "raw NUL": (with_rm(b'"\x00"'), 422),
    "invalid utf-8": (with_rm(b'"\xff\xfe"'), 400),
    "invalid utf-8 as a key": (GOOD[:-1] + b', "\xc3\x28": 1}', 400),
    "overlong utf-8": (with_rm(b'"\xc0\x80"'), 400),
    "long text": (with_rm(b'"' + b"x" * 100_000 + b'"'), 422),
    "script": (with_rm(b'"<script>alert(1)</script>"'), 422),
    "format string": (with_rm(b'"%s%n{0.__class__}"'), 422),
    # other shapes
    "empty": (b"", 422),
    "space": (b"   ", 422),
    "null": (b"null", 422),
    "number": (b"1", 422),
    "NaN alone": (b"NaN", 422),
    "array of the row": (b"[" + GOOD + b"]", 422),
    "string": (b'"row"', 422),
    "empty object": (b"{}", 422),
    "not closed": (GOOD[:-1], 422),
    "trailing comma": (GOOD[:-1] + b",}", 422),
    "trailing text": (GOOD + b" {}", 422),
    "trailing NUL": (GOOD + b"\x00", 422),
    "comment": (b"/* row */" + GOOD, 422),
    "single quotes": (GOOD.replace(b'"', b"'"), 422),
    "form": (b"CRIM=1&ZN=2", 422),
    "xml": (b"<?xml version='1.0'?><row/>", 422),
    "pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.", 400),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 400),
    "zeros": (b"\x00" * 1000, 422),
    "proto": (GOOD[:-1] + b', "__proto__": {"x": 1}}', 422),
    "dunder": (GOOD[:-1] + b', "__class__": 1}', 422),
    "inner name of a field": (GOOD.replace(b'"RM"', b'"f5"'), 422),
    "other case": (GOOD.replace(b'"RM"', b'"rm"'), 422),
    "a thousand unknown keys": (
        GOOD[:-1] + b"".join(b', "k%d": %d' % (i, i) for i in range(1000)) + b"}",
        422,
    ),
    "nested arrays": (b"[" * NEST, 400),
    "nested arrays in a value": (with_rm(b"[" * NEST + b"]" * NEST), 400),
    "nested objects": (b'{"a":' * NEST, 400),
    "nested as deep as Python reads": (with_rm(b"[" * 900 + b"]" * 900), 422),
    "nested NaN": (with_rm(b"[" * 300 + b"NaN" + b"]" * 300), 422),
    "nested objects in a value": (with_rm(b'{"a":' * 400 + b"1" + b"}" * 400), 422),
}


def test_the_corpus_is_large() -> None:
    assert len(BODIES) >= 60


@pytest.mark.parametrize("name", BODIES)
def test_predict_answers_a_hostile_body(client: TestClient, name: str) -> None:
    body, status = BODIES[name]
    answer = client.post("/predict", content=body, headers=JSON)
    assert answer.status_code == status, answer.text[:300]
    answer.json()
    assert len(answer.content) < 300_000
    assert client.post("/predict", json=ROW).status_code == 200


@pytest.mark.parametrize("name", BODIES)
def test_a_batch_answers_a_hostile_row(client: TestClient, name: str) -> None:
    body, status = BODIES[name]
    if status == 200 and not body.lstrip().startswith(b"{"):
        body = GOOD  # another encoding cannot stand in the middle of a text
    answer = client.post("/predict/batch", content=b'{"rows": [' + body + b"]}", headers=JSON)
    expected = {status, 422, 400} if status != 200 else {200}
    if not body.strip():
        expected = {200}  # no row at all
    assert answer.status_code in expected, answer.text[:300]
    answer.json()


@pytest.mark.parametrize("path", ["/predict/batch", "/feedback"])
@pytest.mark.parametrize("name", BODIES)
def test_other_routes_refuse_the_corpus(client: TestClient, path: str, name: str) -> None:
    answer = client.post(path, content=BODIES[name][0], headers=JSON)
    assert answer.status_code in (400, 422), answer.text[:300]
    answer.json()


@pytest.mark.parametrize(
    "literal",
    [b'"\\ud800"', b'"\\u0000"', b'"\xff"', b"1", b"null", b"[]", b"{}", b"NaN",
     b'"' + b"a" * 99_999 + b'"',
     b'"urn:uuid:01981b0e-7f3c-7c9a-a3a1-4f2c3d5e6f70"', b'"01981b0e7f3c7c9aa3a14f2c3d5e6f70"',
     b'"01981b0e-7f3c-7c9a-a3a1-4f2c3d5e6f7\\u0660"', b'"a,b\\nc"'],
)  # fmt: skip
def test_hostile_ids_are_4xx(client: TestClient, literal: bytes) -> None:
    client.post("/predict", json=ROW)
    body = b'{"id": ' + literal + b', "real_price": 24.5}'
    answer = client.post("/feedback", content=body, headers=JSON)
    assert 400 <= answer.status_code < 500
    answer.json()


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data",
     "multipart/form-data; boundary=x", "garbage", "/", "application/json;", "application/json; a",
     "application/json; charset=latin-1", "APPLICATION/JSON", "application/vnd.api+json",
     "text/json", 'application/json; x="', "a" * 5000],
)  # fmt: skip
@pytest.mark.parametrize("body", [GOOD, b"\xff\xfe\x00", b"{}"])
def test_content_types_never_break(client: TestClient, content_type: str, body: bytes) -> None:
    answer = client.post("/predict", content=body, headers={"content-type": content_type})
    assert answer.status_code in (200, 400, 415, 422)
    json_type = content_type.partition(";")[0].strip().lower()
    if body == GOOD:
        accepted = json_type in ("application/json", "application/vnd.api+json")
        assert (answer.status_code == 200) is accepted


def test_no_content_type_is_415(client: TestClient) -> None:
    assert client.post("/predict", content=GOOD).status_code == 415


def test_a_chunked_body_is_read(client: TestClient) -> None:
    parts = (GOOD[start : start + 7] for start in range(0, len(GOOD), 7))
    assert client.post("/predict", content=parts, headers=JSON).status_code == 200


def test_a_batch_over_the_limit_is_413_without_an_echo(
    serve: Callable[..., TestClient], registry: object, tmp_path: Path
) -> None:
    client = serve(api={"max_batch_rows": 3})
    for content_type in ("application/json", "application/vnd.api+json"):
        body = json.dumps({"rows": [ROW] * 4})
        answer = client.post("/predict/batch", content=body, headers={"content-type": content_type})
        assert answer.status_code == 413
        assert "at most 3 rows" in answer.json()["detail"]
    assert client.post("/predict/batch", json={"rows": [ROW] * 3}).status_code == 200


def test_a_batch_of_wrong_rows_has_a_short_answer(client: TestClient) -> None:
    answer = client.post("/predict/batch", json={"rows": [{"x": 1}] * 10_000})
    assert answer.status_code == 422
    assert len(answer.content) < 20_000


def test_a_large_wrong_body_is_not_echoed_whole(client: TestClient) -> None:
    answer = client.post("/predict", json={"rows": [ROW] * 5000})
    assert answer.status_code == 422
    assert len(answer.content) < 200_000
