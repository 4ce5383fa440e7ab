"""Who may look at the dashboard: people at this machine, or those with an API key."""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

    from housing_cli.api.http.auth import ApiKeys
    from housing_cli.config.settings import Serve

LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
CHALLENGE: Final = 'Basic realm="housing", charset="UTF-8"'
OFF: Final = "the dashboard is off (`serve.dashboard`)"
ELSEWHERE: Final = (
    "the dashboard is shown to this machine alone, at a loopback address; elsewhere only where "
    "API keys are set (`api.keys_file`)"
)
_PORT: Final = re.compile(r":\d*$")
_OWN: Final = frozenset({b"same-origin", b"none"})


class Access:
    """Decides who sees the page; keys: those of the API, which are its passwords, too."""

    def __init__(self, serve: Serve, keys: ApiKeys) -> None:
        self._keys = keys
        self._on = serve.dashboard
        self._local = is_loopback(serve.host)

    @property
    def possible(self) -> bool:
        """Whether anybody may see the page at all."""
        return self._on and (self._keys.required or self._local)

    def why_off(self, scope: Scope) -> str:
        """Return why there is no page for this request; empty where there is one.

        Without keys the name that the browser asked for has to be one of this machine: any page
        that somebody opens here can make its own name point to this machine, and would read along.
        """
        if not self._on:
            return OFF
        if self._keys.required:
            return ""
        server = scope.get("server")
        asked = scope["housing.headers"].get(b"host", b"").decode("latin-1")
        here = server is not None and is_loopback(server[0]) and is_loopback(host_of(asked))
        return "" if self._local and (here or is_in_process(server)) else ELSEWHERE

    def refuses(self, headers: Mapping[bytes, bytes]) -> str:
        """Return why these headers (lower-case names) let nobody in; empty where they do."""
        if not self._keys.required:
            return ""
        key = _password(headers.get(b"authorization", b""))
        return self._keys.refuses(headers if key is None else {b"x-api-key": key})


def is_same_origin(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a form was sent by a page of this server, as browsers tell.

    A browser sends a form of anybody's page with the password that it knows. It says where the form
    is from, though, in `Sec-Fetch-Site` or, where a connection is not encrypted, in `Origin`.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site in _OWN
    origin, host = headers.get(b"origin"), headers.get(b"host")
    if origin is None or host is None:
        return False
    return urlsplit(origin.decode("latin-1")).netloc.lower() == host.decode("latin-1").lower()


def is_in_process(server: tuple[str, int | None] | None) -> bool:
    """Return whether a test client calls the application itself, without a connection.

    server: of the ASGI scope. A connection came in on an address, or on the path of a socket; no
    header changes that.
    """
    if server is None or server[1] is None or "/" in server[0]:
        return False
    try:
        ip_address(server[0])
    except ValueError:
        return True
    return False


def is_loopback(host: str) -> bool:
    """Return whether an address or a name is one of this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in LOOPBACK_NAMES


def host_of(asked: str) -> str:
    """Return what stands before the port in a header `Host`."""
    return _PORT.sub("", asked).removeprefix("[").removesuffix("]")


def _password(authorization: bytes) -> bytes | None:
    """Return the password of HTTP Basic, `None` where the header has none."""
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        given = base64.b64decode(token.strip(), validate=True)
    except binascii.Error:
        return b""
    return given.partition(b":")[2]
