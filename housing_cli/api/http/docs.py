"""The documentation page, without a CDN: its files come with the package `fastapi-swagger`.

Only the files of that package are used (Swagger UI, Apache-2.0); its code is not imported.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

_PACKAGE = "fastapi_swagger"
_STATIC = "/docs/static"


def add_docs(app: FastAPI) -> None:
    """Serve `/docs` and the files that it needs."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return
    files = Path(spec.submodule_search_locations[0]) / "resources"

    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=f"{app.title} - Swagger UI",
            swagger_js_url=f"{root}{_STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_STATIC}/favicon-32x32.png",
        )
        page.headers["content-security-policy"] = content_security_policy(bytes(page.body))
        return page

    app.add_route("/docs", docs, include_in_schema=False)
    app.mount(_STATIC, StaticFiles(directory=files), name="docs-static")


def content_security_policy(page: bytes) -> str:
    """Return a policy for `page`: this server's files and the page's own inline scripts only."""
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src 'self' {allowed}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; font-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
