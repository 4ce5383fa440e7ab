"""One self-contained HTML page: figures and tables in cards, for screens, phones and paper."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from housing_cli.errors import ReportError

_STYLE = """
:root { --ink: #1b2733; --soft: #5b6b7a; --line: #d9e0e6; --paper: #fff; --ground: #f4f6f8;
  --main: #2f6f9f; --good: #2c7a4b; --bad: #b3372f; --warn: #8a6100; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 20px 16px 40px; }
h1 { font-size: 1.5rem; margin: 0 0 2px; } h2 { font-size: 1.05rem; margin: 0 0 8px; }
p { margin: 0 0 8px; } .soft { color: var(--soft); font-size: .9rem; }
.healthy strong { color: var(--good); } .degraded strong { color: var(--bad); }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
  padding: 14px 16px; margin: 0 0 14px; break-inside: avoid; min-width: 0; }
.card.verdict { border-left: 8px solid var(--soft); }
.card.healthy { border-left-color: var(--good); } .card.degraded { border-left-color: var(--bad); }
.verdict strong { font-size: 1.3rem; } .verdict svg { max-width: 560px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
  gap: 14px; align-items: start; } .cards .card { margin: 0; } .cards + * { margin-top: 14px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.warning { color: var(--warn); }
svg { display: block; width: 100%; height: auto; }
svg text { font-size: 13px; fill: var(--soft); } svg text.limit { fill: var(--bad); }
svg text.base { fill: var(--good); }
.grid { stroke: var(--line); } .mark { stroke-width: 1.4; } .mark.base { stroke: var(--good); }
.mark.limit { stroke: var(--bad); stroke-dasharray: 5 3; } .mark.diagonal { stroke: var(--soft);
  stroke-dasharray: 2 3; }
.series { fill: none; stroke: var(--main); stroke-width: 2; } .dot { fill: var(--main); }
.dot.now { fill: var(--ink); } .spot { fill: var(--main); fill-opacity: .45; }
.bar { fill: var(--main); fill-opacity: .6; } .bar.out { fill: var(--bad); }
.outline { fill: none; stroke: var(--ink); stroke-width: 1.4; }
@media print { body { background: #fff; } main { max-width: none; padding: 0; }
  .card { border-color: #bbb; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def page(title: str, subtitle: str, blocks: Sequence[str]) -> str:
    """Return the whole page; `blocks` are HTML, the rest is text."""
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src data:\">"
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f'</head><body><main><h1>{escape(title)}</h1><p class="soft">{escape(subtitle)}</p>'
        f"{''.join(blocks)}</main></body></html>\n"
    )


def card(title: str, body: str, note: str = "") -> str:
    """Return a card; `body` is HTML."""
    below = f'<p class="soft">{escape(note)}</p>' if note else ""
    return f'<section class="card"><h2>{escape(title)}</h2>{body}{below}</section>'


def cards(blocks: Sequence[str]) -> str:
    """Return cards side by side where there is room."""
    return f'<div class="cards">{"".join(blocks)}</div>'


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table that scrolls where it is too wide."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    head = f"<tr>{head}</tr>" if columns else ""
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="wide"><table>{head}{body}</table></div>'


def _cell(value: object) -> str:
    if value is None:
        return '<td class="number">-</td>'
    if isinstance(value, float):
        return f'<td class="number">{value:.4g}</td>'
    if isinstance(value, int):
        return f'<td class="number">{value}</td>'
    return f"<td>{escape(str(value))}</td>"


def write_page(path: Path, text: str) -> None:
    """Write a page. Raises `ReportError`."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportError(
            f"report `{path}` cannot be written: {error.strerror}",
            "give a file in a folder that exists and that you may write to",
        ) from error
