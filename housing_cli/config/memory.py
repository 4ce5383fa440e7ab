"""How much memory this process may still take: a container's limit counts, not the machine."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def free_memory(cgroups: Path = _CGROUPS) -> float:
    """Return the bytes that are left below the limit of the control group (version 2).

    Infinity without a limit. Files that the kernel keeps in memory and can let go of do not count.
    """
    with contextlib.suppress(OSError, ValueError):
        limit = (cgroups / "memory.max").read_text().strip()
        if limit != "max":
            used = int((cgroups / "memory.current").read_text())
            return int(limit) - used + _reclaimable(cgroups / "memory.stat")
    return math.inf


def _reclaimable(stat: Path) -> int:
    told = dict(line.split() for line in stat.read_text().splitlines())
    return int(told.get("inactive_file", 0))
