"""Labels that came too late for a window, from the ends of the two csv files.

feedback.csv is ordered by arrival, and a label's line has its id, which carries the time of the
prediction. So only lines that arrived since the window began are read, and only predictions whose
label is late are looked up: whose they are stands nowhere else.
"""

from __future__ import annotations

from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.window import Foreign, Latest, matching
from housing_cli.prediction_log.ids import ceil_ms, milliseconds
from housing_cli.prediction_log.records import Late, LateQuery

_ALL = 1 << 62


def late(query: Query, asked: LateQuery) -> Late | None:
    """Return the late labels, None for the wide reader to answer.

    query: from `asked.floor` on, of the asked version.
    """
    if query.rows.size == query.rows.start:
        return Late()
    if not query.readable_from_end:
        return None
    since = ceil_ms(asked.since)
    try:
        latest = Latest(query.prices, _ALL, query.floor, arrived=since, before=since)
        delays = {
            key: row.labeled_at - milliseconds(key) / 1000
            for key, row in latest.rows.items()
            if row.labeled_at * 1000 >= since
        }
        delays = {key: delay for key, delay in delays.items() if delay > asked.delay}
        latest.rows = {key: latest.rows[key] for key in delays}
        rows = matching(query, latest)
    except Foreign:
        return None
    if not rows:
        return Late()
    made = [row.predicted_at for row in rows]
    waited = [delays[row.id] for row in rows]
    return Late(len(rows), min(made), max(made), min(waited), max(waited))
