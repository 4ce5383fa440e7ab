"""What each path of the dashboard answers: a whole page, or to htmx the part that it asked for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from starlette.responses import Response

from housing_cli import __version__
from housing_cli.api.daemon import in_daemon
from housing_cli.api.dashboard import form, house, snapshot
from housing_cli.api.dashboard.access import Access, is_same_origin
from housing_cli.api.dashboard.house import Tried
from housing_cli.api.dashboard.live import LiveReader
from housing_cli.api.dashboard.snapshot import Snapshots
from housing_cli.api.gatherer import Mark
from housing_cli.api.http.errors import STATUS, json_response
from housing_cli.errors import HousingError
from housing_cli.pages.languages import LANGUAGES, preferred, translations

if TYPE_CHECKING:
    from starlette.requests import Request

    from housing_cli.api.explaining import Explanations
    from housing_cli.api.http.auth import ApiKeys
    from housing_cli.api.http.bodies import Bodies
    from housing_cli.api.predictor import Predictor
    from housing_cli.config import Settings
    from housing_cli.data.schema import FeatureSchema
    from housing_cli.registry import RegistryReader

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    # `no-referrer` would make browsers hide where a form comes from, and it would be refused.
    "referrer-policy": "same-origin",
    "vary": "accept-language, hx-request",
}


class Dashboard:
    """Everything behind the paths; `use` says which houses are asked for."""

    def __init__(
        self,
        predictor: Predictor,
        explanations: Explanations,
        registry: RegistryReader,
        settings: Settings,
        keys: ApiKeys,
        carried: Sequence[str],
    ) -> None:
        self._predictor = predictor
        self._explanations = explanations
        self._settings = settings
        self._carried = carried
        self.access = Access(settings.serve, keys)
        self.snapshots = Snapshots(settings, carried)
        self.live = LiveReader(predictor, registry, settings)
        self._schema: FeatureSchema | None = None
        self._readers: Bodies | None = None
        self._example: Mapping[str, Any] | None = None

    def use(
        self, schema: FeatureSchema, readers: Bodies, example: Mapping[str, Any] | None
    ) -> None:
        """Ask for houses of `schema` from now on; example: the body of a usual one."""
        self._schema, self._readers, self._example = schema, readers, example

    async def watch(self) -> None:
        """Have the loop judged while the server runs, where somebody may see it."""
        if self.access.possible:
            await asyncio.gather(self.snapshots.watch(), self._warm_up())

    async def _warm_up(self) -> None:
        """Make the templates ready before the first look, and not while the server starts."""
        await asyncio.sleep(snapshot.FIRST)
        from housing_cli.pages.page import compiled

        for language in LANGUAGES:
            await in_daemon("dashboard", lambda chosen=language: compiled("dashboard/", chosen))  # type: ignore[misc]

    def close(self) -> None:
        """Close what was opened."""
        self.live.close()

    async def page(self, request: Request) -> Response:
        """Answer `/`."""
        return await self._page(request)

    async def now(self, request: Request) -> Response:
        """Answer the part that is refreshed."""
        language = language_of(request)
        data = await self._loop(request, language)
        return await _html("dashboard/now.html", language, data)

    async def house(self, request: Request) -> Response:
        """Predict what somebody typed, record it, and say what moved its price."""
        typed = await _posted(request)
        if typed is None:
            return _refused(request)
        language = language_of(request)
        tried, wrong = await self._predict(typed, translations(language).gettext)
        return await self._tried(request, language, tried, typed=typed, wrong=wrong)

    async def price(self, request: Request) -> Response:
        """Take the real price of a prediction."""
        typed = await _posted(request)
        if typed is None:
            return _refused(request)
        language = language_of(request)
        say = translations(language).gettext
        tried = Tried(id=typed.get("id", ""), typed_price=typed.get("real_price", ""))
        tried.unit = house.unit_of(self._schema) if self._schema is not None else ""
        value = form.number(tried.typed_price)
        if value is None or value <= 0 or not math.isfinite(value):
            tried.error, tried.status = say("A price is a number above 0."), 422
            tried.ask_price = True
        else:
            try:
                made = await self._predictor.feedback(tried.id, value)
            except HousingError as error:
                _failed(tried, error, say("The price was not recorded:"))
                tried.ask_price = True
            except ValueError:
                tried.error, tried.status = say("A price is a number above 0."), 422
                tried.ask_price = True
            else:
                tried.thanks = {
                    "recorded": say("The real price is recorded."),
                    "unchanged": say("This price was recorded before."),
                    "corrected": say("The real price is corrected."),
                }[made.outcome]
                await self.live.look(now=True)
        return await self._tried(request, language, tried)

    async def explain(self, request: Request) -> Response:
        """Say what moved the price of one of the newest predictions."""
        language = language_of(request)
        say = translations(language).gettext
        tried = Tried(id=request.query_params.get("id", "")[:64].lower())
        served = self._predictor.served
        try:
            found = await self.live.find(tried.id) if served is not None else None
        except (HousingError, TimeoutError) as error:
            tried.error, tried.status = say("The log could not be read:"), 503
            tried.detail = str(error)
            return await self._tried(request, language, tried)
        if found is None or served is None:
            tried.error = say("It is not among the newest predictions: ask /explain.")
            tried.status, tried.id = 404, ""
            return await self._tried(request, language, tried)
        made_by, row = found
        schema = served.schema
        prices, spreads = served.model.scored_few([tuple(row)])
        answer = served.answer(prices[0], spreads[0], tried.id, served.outside(tuple(row)))
        tried = house.predicted(answer, schema)
        tried.recorded, tried.made_by = False, made_by if made_by != served.name else ""
        await house.explain(tried, self._explanations, row, schema, say)
        return await self._tried(request, language, tried)

    async def _predict(
        self, typed: Mapping[str, str], say: Callable[[str], str]
    ) -> tuple[Tried, dict[str, str]]:
        schema, readers = self._schema, self._readers
        if schema is None or readers is None:
            return Tried(
                error=say("No version is served: there is no model to ask."), status=503
            ), {}
        refuse = self._settings.api.unknown_category == "refuse"
        values, wrong = form.read_row(schema, typed, refuse=refuse)
        if wrong:
            told = say("Nothing was predicted: see the fields that are marked.")
            return Tried(error=told, status=422), wrong
        row = readers.numbers(values)
        try:
            answer = await self._predictor.predict(row, Mark(None, None))
        except HousingError as error:
            tried = Tried()
            _failed(tried, error, say("There is no prediction:"))
            return tried, {}
        tried = house.predicted(answer, schema)
        tried.unknown = house.unknown_words(schema, values)
        await house.explain(tried, self._explanations, row, schema, say)
        await self.live.look(now=True)
        return tried, {}

    async def _tried(
        self,
        request: Request,
        language: str,
        tried: Tried,
        *,
        typed: Mapping[str, str] | None = None,
        wrong: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer with one house: to htmx alone, or in the form that it is to be corrected in."""
        from housing_cli.api.dashboard.view import commands

        if b"hx-request" not in request.scope["housing.headers"]:
            return await self._page(request, tried=tried, typed=typed, wrong=wrong)
        data = {"tried": tried, **self._frame(request, language)}
        if not wrong:
            return await _html("dashboard/tried.html", language, data, tried.status)
        data |= self._form(typed, wrong) | {"commands": commands(self._carried, address(request))}
        answer = await _html("dashboard/try.html", language, data, tried.status)
        answer.headers.update({"hx-retarget": "#try", "hx-reswap": "outerHTML"})
        return answer

    async def _page(
        self,
        request: Request,
        *,
        tried: Tried | None = None,
        typed: Mapping[str, str] | None = None,
        wrong: Mapping[str, str] | None = None,
    ) -> Response:
        language = language_of(request)
        data = await self._loop(request, language)
        data |= {
            "title": _title(data["verdict"], translations(language).gettext),
            "sections": _sections(translations(language).gettext),
            "tried": tried,
            **self._form(typed, wrong),
        }
        status = tried.status if tried is not None else 200
        return await _html("dashboard/page.html", language, data, status)

    def _form(
        self, typed: Mapping[str, str] | None, wrong: Mapping[str, str] | None
    ) -> dict[str, Any]:
        """Return the data of the form; what nobody typed is a usual house."""
        served, fields = self._predictor.served, list[form.Field]()
        if self._schema is not None and served is not None:
            fields = form.fields(self._schema, self._example, served.version.metadata.ranges)
        given = {field.name: field.example for field in fields}
        filled = {name: (typed or given).get(name, "") for name in given}
        return {"fields": fields, "typed": filled, "wrong": wrong or {}}

    async def _loop(self, request: Request, language: str) -> dict[str, Any]:
        from housing_cli.api.dashboard.view import loop_view

        found = self.snapshots.look()
        live = await self.live.look()
        predictor = self._predictor
        served = predictor.served
        facts = {
            "address": address(request),
            "served": predictor.shown().name if served is not None else None,
            "reasons": await predictor.reasons(),
            "warnings": [*filter(None, [predictor.why_not_newer]), *predictor.warnings()],
            "trials": predictor.tried.told(served.name) if served is not None else {},
        }

        def view() -> dict[str, Any]:
            return loop_view(
                found, live, language=language, carried=self._carried,
                lacks=self.snapshots.lacks, facts=facts,
            )  # fmt: skip

        return {**await in_daemon("dashboard", view), **self._frame(request, language)}

    def _frame(self, request: Request, language: str) -> dict[str, Any]:
        (other, name), *_ = ((k, v) for k, v in LANGUAGES.items() if k != language)
        return {
            "root": request.scope.get("root_path", "").rstrip("/"),
            "language": language,
            "other_language": other,
            "other_name": name,
            "program": __version__,
            "build": self._build,
        }

    @cached_property
    def _build(self) -> str:
        """Return what changes with the files that pages load: browsers keep these for ever."""
        from housing_cli.pages.page import STATIC as FILES

        digest = hashlib.sha256()
        for file in sorted(FILES.iterdir()):
            digest.update(file.read_bytes())
        return digest.hexdigest()[:12]


def address(request: Request) -> str:
    """Return the URL of this server, as it was asked."""
    return str(request.base_url).rstrip("/")


def language_of(request: Request) -> str:
    """Return the language of a page: that of the link, else the browser's, else English."""
    asked = parse_qs(request.url.query).get("lang", [""])[-1]
    if asked in LANGUAGES:
        return asked
    return preferred(request.headers.get("accept-language", ""), list(LANGUAGES))


async def _posted(request: Request) -> dict[str, str] | None:
    """Return the fields of a form that a page of this server sent; `None` for any other."""
    if not is_same_origin(request.scope["housing.headers"]):
        return None
    body = bytearray()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            async for part in request.stream():
                body += part
                if len(body) > form.MOST_BYTES:
                    return None
            return form.parse(bytes(body))
    return None


def _refused(request: Request) -> Response:
    if not is_same_origin(request.scope["housing.headers"]):
        detail = "this form was not sent by a page of this server; programs use /predict"
        return json_response({"detail": detail}, 403)
    detail = f"a form of at most {form.MOST_BYTES} bytes is expected; programs use /predict"
    return json_response({"detail": detail}, 400, connection="close")


def _failed(tried: Tried, error: HousingError, said: str) -> None:
    """Say of a known failure what a route of the API would, and with its status."""
    tried.error, tried.detail = said, "; ".join(filter(None, (error.message, error.hint)))
    tried.status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


async def _html(template: str, language: str, data: dict[str, Any], status: int = 200) -> Response:
    """Return a page; a thread fills it in, so that predictions do not wait for it."""

    def fill() -> str:
        from housing_cli.pages.page import render

        return render(template, **data)

    text = await in_daemon("dashboard", fill)
    headers = {**HEADERS, "content-language": language}
    return Response(text, status, headers, "text/html; charset=utf-8")


def _title(verdict: Mapping[str, Any], say: Callable[[str], str]) -> str:
    words = {
        "healthy": say("Healthy"), "degraded": say("Degraded"),
        "insufficient": say("Too little evidence"), "unknown": say("Not judged"),
    }  # fmt: skip
    return f"{words[verdict['state']]} · housing"


def _sections(say: Callable[[str], str]) -> list[tuple[str, str]]:
    return [
        ("verdict", say("Verdict")), ("over-time", say("Error")), ("drift", say("Drift")),
        ("versions", say("Versions")), ("newest", say("Predictions")), ("history", say("History")),
        ("try", say("Try a house")),
    ]  # fmt: skip
