"""What only a server can fail at; `http/errors.py` knows how that is answered."""

from __future__ import annotations

from housing_cli.errors import HousingError


class NoModel(HousingError):
    """No version is loaded that could answer."""


class NotFinite(HousingError):
    """The model's price for a row is not a finite number."""


class BatchTooLarge(HousingError):
    """A batch has more rows than `api.max_batch_rows`."""


class Overloaded(HousingError):
    """Too much work is waiting already; later there may be room."""


class BodyTooLarge(HousingError):
    """A body has more bytes than `api.max_body_bytes`."""


class BodyTooSlow(HousingError):
    """A body did not arrive within `serve.request_timeout`."""


class BodyRefused(Overloaded):
    """There is no memory for a body now; it was not read."""


class ClientGone(Exception):
    """The client hung up while it was sending."""
