"""Pictures of the dashboard: `python -m tests.system.dashboard_screens docs/dashboard`.

Every state at both widths, by day and by night: the top of the page, in few colors, so that they
are small. A second argument and more: only these states.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from tests.system.dashboard import STATES, Stages, judged
from tests.system.watched import chromium, opened

SHOWN = [name for name in STATES if name not in {"keys", "retrained"}]
NOW = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
"""When the pictures are taken, as clocks in them say."""
HEIGHTS = {390: 1500, 1440: 1350}
"""Pixels of the top of the page, by the width of the window."""
MOST_BYTES = 90_000
COLORS = (64, 48, 32, 24, 16)


def small(png: bytes) -> bytes:
    """Return a picture in as many colors as fit `MOST_BYTES`, or the fewest."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colors in COLORS:
        written = io.BytesIO()
        reduced = picture.quantize(
            colors, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        reduced.save(written, "PNG", optimize=True)
        if written.tell() <= MOST_BYTES:
            break
    return written.getvalue()


def top(page: Any, width: int) -> bytes:
    """Return the top of a page."""
    height = min(HEIGHTS[width], page.evaluate("document.documentElement.scrollHeight"))
    area = {"x": 0, "y": 0, "width": width, "height": height}
    png: bytes = page.screenshot(full_page=True, clip=area, animations="disabled")
    return png


def main(to: Path, names: list[str]) -> None:
    """Write `STATE-WIDTH-SCHEME.png` into a folder."""
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        stages = Stages(Path(folder), time.time() - NOW.timestamp())
        for name in names or SHOWN:
            state = STATES[name]
            with stages.get(name).serving(ready=state.ready) as server:
                for width in HEIGHTS:
                    for scheme in ("light", "dark"):
                        url = str(server.client.base_url)
                        with opened(browser, url, width=width, color_scheme=scheme) as watched:
                            judged(watched.page, state.verdict)
                            watched.page.wait_for_selector('#age:not([data-at=""])')
                            picture = small(top(watched.page, width))
                        file = to / f"{name}-{width}-{scheme}.png"
                        file.write_bytes(picture)
                        print(file, len(picture), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
