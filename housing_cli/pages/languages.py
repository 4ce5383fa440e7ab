"""The languages of the dashboard: which one a browser wants, and what its words are.

English stands in templates and code, and is the key of the catalogs in `locale/`; a catalog is
gettext's, so that translators can use what they know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gettext import NullTranslations

LOCALE: Final = Path(__file__).with_name("locale")
DOMAIN: Final = "dashboard"
LANGUAGES: Final = {"en": "English", "es": "Español"}
_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")


def preferred(accepted: str, offered: Sequence[str]) -> str:
    """Return which of `offered` a header `Accept-Language` wants most; the first where it is none.

    Of equals the first that is named counts.
    """
    asked: list[tuple[float, str]] = []
    for choice in accepted.split(","):
        tag, *parameters = (part.strip().lower() for part in choice.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        language = tag.partition("-")[0]
        if language in offered and (share := _share(weight)) > 0:
            asked.append((share, language))
    return max(asked, key=lambda one: one[0])[1] if asked else offered[0]


@lru_cache(maxsize=len(LANGUAGES))
def translations(language: str) -> NullTranslations:
    """Return the words of a language; English has none beside those of the code."""
    from gettext import translation

    return translation(DOMAIN, LOCALE, [language], fallback=language == "en")


def _share(weight: str) -> float:
    return float(weight) if _WEIGHT.fullmatch(weight) else 0.0
