"""What the templates fill in, made of what `snapshot.py` and `live.py` found.

It adds nothing up: the judgment's figures are those of `housing status --json`.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from housing_cli.data.metrics import METRICS
from housing_cli.pages import charts
from housing_cli.pages.languages import translations
from housing_cli.pages.wording import Words

if TYPE_CHECKING:
    from housing_cli.api.dashboard.live import Live
    from housing_cli.api.dashboard.snapshot import Snapshot
    from housing_cli.registry import Event

VERDICTS: Final = frozenset({"healthy", "degraded", "insufficient"})
MOST_SEGMENTS: Final = 6
MOST_DRIFT: Final = 15
MOST_BARS: Final = 12


def loop_view(
    found: Snapshot | None,
    live: Live,
    *,
    language: str,
    carried: Sequence[str] = (),
    lacks: Sequence[str] = (),
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the data of `dashboard/now.html`.

    found: the newest judgment. carried: options that commands need here. lacks: what this
    installation cannot judge without. facts: of this server: `served`, `reasons`, `warnings`,
    `trials` (by alias, as `/version` tells them).
    """
    now = time.time()
    data = found.data if found is not None else None
    evaluation = (data or {}).get("evaluation")
    return {
        "now": _iso(now),
        "verdict": _verdict(found, live, now, lacks),
        "judged": None if data is None else _judged(data, evaluation, language),
        "over_time": _over_time(evaluation, live.moves, language),
        "scatter": _scatter(live, language),
        "drift": _drift(evaluation, language),
        "labels": _labels(data, evaluation),
        "versions": _versions(live, evaluation),
        "trials": _trials(data, facts["trials"]),
        "candidate": (data or {}).get("candidate"),
        "live": live,
        "events": [_event(event) for event in live.events],
        "facts": facts,
        "metric": METRICS[evaluation["metric"]].label if evaluation else "",
        "commands": commands(carried, facts["address"]),
    }


def _verdict(
    found: Snapshot | None, live: Live, now: float, lacks: Sequence[str]
) -> dict[str, Any]:
    """Return state, age and what stands in the way.

    state: that of the judgment, or `unknown`. why: `serving-only`, `waiting` (the first is on its
    way), `none` (no version), `failed`. other: what is production by now, where it is not what was
    judged.
    """
    data = found.data if found is not None else None
    state = (data or {}).get("verdict")
    why = ""
    if state not in VERDICTS:
        state = "unknown"
        why = "serving-only" if lacks else "waiting" if found is None else "failed"
        if data is not None and data.get("version") is None and not found.failure:  # type: ignore[union-attr]
            why = "none"
    version = (data or {}).get("version")
    other = live.production if data is not None and live.production != version else None
    return {
        "state": state,
        "why": why,
        "lacks": ", ".join(lacks),
        "failure": found.failure if found is not None else "",
        "hint": found.hint if found is not None else "",
        "at": _iso(found.judged or found.began) if found is not None else None,
        "age": None if found is None else found.age(now),
        "took": None if found is None else found.took,
        "stale": found is not None and found.is_stale(now),
        "version": version,
        "other": other,
    }


def _judged(
    data: Mapping[str, Any], evaluation: Mapping[str, Any] | None, language: str
) -> dict[str, Any]:
    """Return the facts of the verdict; those of no evaluation are `None`."""
    metric = data.get("metric")
    whom = (evaluation or {}).get("unlabeled")
    ratio, interval = data.get("ratio"), data.get("interval")
    gauge = ""
    threshold = data.get("threshold")
    if ratio is not None and interval is not None and threshold is not None:
        low, high = interval
        gauge = charts.gauge(ratio, (low, high), 1 + threshold, words=words_of(language))
    return {
        "tag": data.get("tag"),
        "metric": METRICS[metric].label if metric else "",
        "current": data.get("current"),
        "baseline": data.get("baseline"),
        "ratio": ratio,
        "interval": interval,
        "limit": None if threshold is None else 1 + threshold,
        "n": data.get("n") or 0,
        "min_samples": data.get("min_samples") or 0,
        "reasons": ((evaluation or {}).get("reasons") or []),
        "drifted": ((evaluation or {}).get("drifted") or []),
        "selection": ((evaluation or {}).get("selection_bias") or []),
        "since": data.get("since"),
        "worst": data.get("worst_segment"),
        "segments": _segments(evaluation),
        "unlabeled": whom,
        "coverage": ((evaluation or {}).get("recent") or {}).get("interval_coverage"),
        "target": ((evaluation or {}).get("recent") or {}).get("interval_target"),
        "gauge": gauge,
        "next": data.get("next") or {"command": None},
        "last_retrain": data.get("last_retrain"),
    }


def _segments(evaluation: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the segments that grew most evidently, the worst first."""
    tested = [
        one
        for one in ((evaluation or {}).get("feature_segments") or [])
        if one["p_value"] is not None and one["baseline"]
    ]
    tested.sort(key=lambda one: (one["p_value"], -one["current"] / one["baseline"]))
    return tested[:MOST_SEGMENTS]


def _over_time(
    evaluation: Mapping[str, Any] | None, moved: Sequence[tuple[float, str]], language: str
) -> dict[str, Any] | None:
    """Return the charts of error and bias, and the table that says the same; `None` without any."""
    course = (evaluation or {}).get("over_time")
    if evaluation is None or not course or not course["points"]:
        return None
    say = translations(language).gettext
    baseline, threshold = evaluation["baseline"], evaluation["threshold"]
    start, end = _seconds(course["start"]), _seconds(course["end"])
    at = [_seconds(point["at"]) for point in course["points"]]
    marks = [
        charts.Line(baseline, say("baseline"), "base"),
        charts.Line(baseline * (1 + threshold), say("limit"), "limit"),
    ]
    start, words = charts.reach(moved, start, end), words_of(language)
    label = METRICS[evaluation["metric"]].label
    values = [(when, point["value"]) for when, point in zip(at, course["points"], strict=True)]
    bias = [(when, point["bias"]) for when, point in zip(at, course["points"], strict=True)]
    said = "".join(f", {name}" for when, name in moved if start <= when <= end)

    def drawn(points: list[tuple[float, float]], title: str, **more: Any) -> str:
        text = title % {"metric": label, "n": len(points)} + said
        marked = more.pop("marks", [])
        return charts.over_time(
            points, marked, start, end, moves=moved, words=words, description=text, **more
        )

    return {
        "error": drawn(values, say("%(metric)s over time, %(n)s points"), marks=marks),
        "bias": drawn(bias, say("mean error over time, %(n)s points"), signed=True),
        "rows": [
            [point["at"], point["n"], point["value"], point["bias"]] for point in course["points"]
        ],
    }


def words_of(language: str) -> Words:
    """Return what charts say by themselves."""
    say = translations(language).gettext
    return Words(
        as_trained=say("as trained"),
        limit=say("limit"),
        between=say("{} ({} to {})"),
        months=tuple(say("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec").split()),
    )


def _scatter(live: Live, language: str) -> str:
    if not live.points:
        return ""
    say = translations(language).gettext
    points = [(predicted, real) for real, predicted in live.points]
    return charts.scatter(
        points, say("predicted"), say("real"), words=words_of(language),
        description=say("real against predicted prices, %(n)s points") % {"n": len(points)},
    )  # fmt: skip


def _drift(evaluation: Mapping[str, Any] | None, language: str) -> dict[str, Any] | None:
    """Return columns by how much they moved, most first; `None` where nothing was compared."""
    columns = sorted(((evaluation or {}).get("drift") or []), key=lambda one: -one["psi"])
    if not columns:
        return None
    say = translations(language).gettext
    return {
        "chart": charts.bars(
            [(one["name"], one["psi"], f"{one['psi']:.2f}", one["drifted"])
             for one in columns[:MOST_BARS]],
            description=say("PSI of each column"),
        ),
        "rows": columns[:MOST_DRIFT],
        "more": max(0, len(columns) - MOST_DRIFT),
        "drifted": [one["name"] for one in columns if one["drifted"]],
        "n": columns[0]["n"],
    }  # fmt: skip


def _labels(
    data: Mapping[str, Any] | None, evaluation: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    if not data or not evaluation:
        return None
    own = data.get("labels") or {"newest": None, "waiting": None}
    return {**evaluation["labels"], **own}


def _versions(live: Live, evaluation: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the versions, each with its own recent figures where it was judged."""
    judged = {one["version"]: one for one in ((evaluation or {}).get("versions") or [])}
    return [{"line": line, "judged": judged.get(line.name)} for line in live.versions]


def _trials(data: Mapping[str, Any] | None, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is tried: as this server has it, beside the verdict on it."""
    judged = {one["alias"]: one for one in ((data or {}).get("trials") or [])}
    found = []
    for alias, mine in told.items():
        if mine is None:
            continue
        verdict = judged.get(alias)
        if verdict is not None and verdict["version"] != mine["version"]:
            verdict = None  # of the one before
        found.append({"alias": alias, **mine, "judged": verdict})
    return found


def _event(event: Event) -> dict[str, Any]:
    return {
        "when": event.when, "who": event.who, "event": event.event, "alias": event.alias,
        "from": event.from_, "to": event.to, "why": event.why,
        "weight": event.evidence.get("weight"),
    }  # fmt: skip


def commands(carried: Sequence[str], address: str) -> dict[str, str]:
    """Return the command that gives the same as each section.

    carried: options that commands need here. address: the URL of this server.
    """
    options = "".join(f" {shlex.quote(word)}" for word in carried)
    verbs = {
        "verdict": "status",
        "over-time": "evaluate --report report.html",
        "predicted-real": "evaluate --json=data.worst_rows",
        "drift": "evaluate --json=data.drift",
        "labels": "evaluate --json=data.labels",
        "versions": "registry ls",
        "history": "registry history",
        "shadow": "evaluate --shadow",
        "canary": "evaluate --canary",
    }
    told = {name: f"housing {verb}{options}" for name, verb in verbs.items()}
    config = next((two for one, two in pairwise(carried) if one == "--config"), None)
    log = "log()" if config is None else f"log({config!r})"
    script = f"import housing_cli; print(housing_cli.{log}.tail(15))"
    return {
        **told,
        "newest": f"python -c {shlex.quote(script)}",
        "live": f"curl -s {shlex.quote(f'{address}/metrics')}",
        "try": f"curl -s {shlex.quote(f'{address}/explain')} --json @house.json",
    }


def _seconds(when: str) -> float:
    return datetime.fromisoformat(when).timestamp()


def _iso(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
