"""Measure one and two workers, over every log, beside as many of the lean endpoint.

Run: python -m tests.benchmarks.bench_workers (six minutes; needs `wrk`). With POSTGRES_URL,
an empty database, PostgreSQL is measured, too.

A line each: requests a second, p50, p99 and processor time a request, as ratios to the lean
endpoint with as many workers and connections, medians of rounds that alternate. Two workers and
the load generator share the machine's cores: on two cores nobody has one to itself.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.benchmarks.bench_serve import Load, compare, ratio, write_endpoints
from tests.benchmarks.measured_server import SERVE, Server, train

UVICORN = ["-m", "uvicorn", "--no-access-log", "--loop", "uvloop", "--http", "httptools"]
CONNECTIONS = (1, 16, 64)
FIGURES = ("per_second", "p50", "p99", "cpu")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = write_endpoints(folder)
        train(folder)
        logs = {"csv": f"csv:{folder / 'logs'}", "sqlite": f"sqlite:///{folder / 'log.db'}"}
        if url := os.environ.get("POSTGRES_URL"):
            logs["postgres"] = url
        for workers in ("1", "2"):
            servers = {
                "lean": Server(
                    folder, [*UVICORN, "--port", "PORT", "--workers", workers, "lean:app"]
                )
            }
            for kind, url in logs.items():
                servers[kind] = Server(
                    folder, SERVE, HOUSING_LOG_URL=url, HOUSING_SERVE_WORKERS=workers
                )
            for connections in CONNECTIONS:
                loads = compare(servers, script, connections)
                for kind in logs:
                    print(f"{workers} workers, {connections}, {kind}: {_ratios(loads, kind)}")
            for server in servers.values():
                server.stop()


def _ratios(loads: dict[str, list[Load]], kind: str) -> str:
    return "  ".join(
        f"{figure} {ratio(loads, kind, lambda run, f=figure: getattr(run, f), 'lean'):.2f}"  # type: ignore[misc]
        for figure in FIGURES
    )


if __name__ == "__main__":
    main()
