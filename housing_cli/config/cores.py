"""How many cores this process may really use: a container's quota counts, not the machine."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def available_cores(cgroups: Path = _CGROUPS) -> int:
    """Return the cores of the affinity mask, or fewer where a control group allows less time."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _quota(cgroups)
    return cores if quota == math.inf else max(1, min(cores, math.ceil(quota)))


def _quota(cgroups: Path) -> float:
    """Return the cores' worth of time that control groups (version 2 or 1) allow, or infinity."""
    with contextlib.suppress(OSError, ValueError):
        allowed, period = (cgroups / "cpu.max").read_text().split()
        return math.inf if allowed == "max" else int(allowed) / int(period)
    with contextlib.suppress(OSError, ValueError):
        allowed, period = (
            (cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
        )
        return int(allowed) / int(period) if int(allowed) > 0 else math.inf
    return math.inf
