"""What the API builds on in libraries without their promise is still there.

Each of them is bounded above in `pyproject.toml`. When a bound is raised and one of these fails,
the module that the message names must be mended first.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
import uvicorn
from prometheus_client import CollectorRegistry, Histogram, mmap_dict, multiprocess
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState
from uvicorn.supervisors.multiprocess import Multiprocess, Process


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer nothing."""


def lacking(owner: object, names: str) -> list[str]:
    return [name for name in names.split() if not hasattr(owner, name)]


def test_uvicorns_protocol_has_the_parts_that_timed_protocol_overrides() -> None:
    config = uvicorn.Config(app, log_config=None)
    config.load()
    loop = asyncio.new_event_loop()
    try:
        protocol = HttpToolsProtocol(config, ServerState(), {}, loop)
    finally:
        loop.close()
    needed = (
        "parser headers scope cycle pipeline loop logger connections transport "
        "_unset_keepalive_if_required connection_made data_received eof_received "
        "on_message_begin on_headers_complete on_body on_message_complete on_response_complete"
    )
    cycle = "response_started response_complete more_body"
    missing = lacking(protocol, needed) + [
        name for name in cycle.split() if name not in inspect.getsource(RequestResponseCycle)
    ]
    assert not missing, f"uvicorn has changed: mend `api/process/protocol.py` ({missing})"


def test_uvicorns_supervisor_has_the_pipe_that_is_closed() -> None:
    process = Process(uvicorn.Config(app, log_config=None), [])
    missing = lacking(process, "child_conn") + lacking(Multiprocess, "keep_subprocess_alive")
    assert not missing, f"uvicorn has changed: mend `api/process/server.py` ({missing})"
    process.child_conn.close()
    process.parent_conn.close()


@pytest.mark.parametrize("labels", [(), ("route",)])
def test_prometheus_histograms_have_the_parts_that_are_added_to(labels: tuple[str, ...]) -> None:
    histogram = Histogram("h", "H.", labels, registry=CollectorRegistry(), buckets=(1.0, 2.0))
    one = histogram.labels(*labels) if labels else histogram
    missing = lacking(one, "_upper_bounds _sum _buckets")
    assert not missing, f"prometheus-client has changed: mend `api/metrics.py` ({missing})"
    assert len(one._buckets) == len(one._upper_bounds) == 3, "mend `api/metrics.py`"


def test_prometheus_files_of_workers_can_be_read_and_added_to() -> None:
    needed = "read_all_values_from_file read_value write_value close"
    missing = lacking(mmap_dict.MmapedDict, needed) + lacking(multiprocess, "MultiProcessCollector")
    assert not missing, (
        f"prometheus-client has changed: mend `api/process/worker_metrics.py` ({missing})"
    )
