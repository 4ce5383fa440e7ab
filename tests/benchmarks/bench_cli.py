"""How long `housing --help` and `housing registry ls` take, against `python -c "import typer"`.

    python -m tests.benchmarks.bench_cli

The limit: 2.5 times, with 200 versions. The runs alternate, and the median of the ratios counts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.conftest import QUICK, SHIPPED
from tests.registry.versions import FILES
from tests.system.processes import environment, housing

RUNS = 15
COMMAND = str(Path(sys.executable).with_name("housing"))
LIMIT = 2.5


def seconds(words: list[str], cwd: Path) -> float:
    """Return the wall time of one run."""
    start = time.perf_counter()
    subprocess.run(words, cwd=cwd, env=environment(), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    """Measure, say it, and fail above the limit."""
    from housing_cli.registry import ModelRegistry

    with tempfile.TemporaryDirectory() as folder:
        cwd = Path(folder)
        assert housing("train", "--data-path", SHIPPED, *QUICK, cwd=cwd).code == 0
        registry = ModelRegistry(cwd / "artifacts")
        metadata = registry.get("v1").metadata
        for number in range(2, 201):
            registry.add(msgspec.structs.replace(metadata, tag=f"t{number}"), FILES)
        verbs = {"--help": ["--help"], "registry ls": ["registry", "ls"]}
        ratios: dict[str, list[float]] = {name: [] for name in verbs}
        times: dict[str, list[float]] = {name: [] for name in [*verbs, "import typer"]}
        for _ in range(RUNS):
            base = seconds([sys.executable, "-c", "import typer"], cwd)
            times["import typer"].append(base)
            for name, words in verbs.items():
                times[name].append(seconds([COMMAND, *words], cwd))
                ratios[name].append(times[name][-1] / base)
    for name, each in times.items():
        print(
            f"{name}: {min(each) * 1e3:.0f} ms at best, {statistics.median(each) * 1e3:.0f} median"
        )
    worst = 0.0
    for name in verbs:
        best = min(times[name]) / min(times["import typer"])
        median = statistics.median(ratios[name])
        print(f"housing {name}: {median:.2f} times (best against best {best:.2f}; at most {LIMIT})")
        worst = max(worst, min(best, median))
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
