"""What labels of one segment alone do to the rest: real rows, nothing invented.

Run: python -m tests.benchmarks.bench_segments [SEEDS [SEGMENT]]

Base data are the shipped rows outside a segment, less 80 that are kept aside; real prices come for
two thirds of the segment; then `retrain --promote`. Printed: how the RMSE of the old 80 rows and of
the last third of the segment changed, v1 against what is production then. At the end a market that
rose by 30 % for all: is it learned?
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from housing_cli.errors import GateRefused
from housing_cli.loop.verify import load_verified
from tests.in_process import Loop, shuffled

SETS = (
    "model.params.n_estimators=40", "train.repeats=1", "train.jobs=1", "retrain.min_samples=20",
)  # fmt: skip
OLD = 80
MIN_SEGMENT = 30
MARKET = 1.3


@dataclass(frozen=True, slots=True)
class Outcome:
    """old, segment: RMSE before and after, of the old rows and of the segment's. level: of the
    prices. accepted: whether the challenger was. why: why not.
    """

    old: tuple[float, float]
    segment: tuple[float, float]
    level: float
    accepted: bool
    why: str = ""

    def change(self, side: str) -> float:
        """Return the relative change of the RMSE of `old` or `segment`."""
        before, after = getattr(self, side)
        return float(after / before - 1)


def segments(rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Yield name and mask of RAD=24, LSTAT>17 and the outer tenths of all features."""
    yield "RAD=24", rows["RAD"] == 24
    yield "LSTAT>17", rows["LSTAT"] > 17
    for name in rows.columns.drop("MEDV"):
        low, high = rows[name].quantile([0.1, 0.9])
        for said, mask in ((f"{name} low tenth", rows[name] <= low),
                           (f"{name} high tenth", rows[name] >= high)):  # fmt: skip
            # Where a tenth of a column of few values is most of it, it is no outer tenth.
            if MIN_SEGMENT <= mask.sum() <= len(rows) / 3:
                yield said, mask


def run(folder: Path, rows: pd.DataFrame, inside: pd.Series, seed: int) -> Outcome:
    """Train outside of a segment, label two thirds of it, retrain, and measure."""
    rng = np.random.default_rng(seed)
    outside, segment = rows[~inside], rows[inside]
    outside = outside.iloc[rng.permutation(len(outside))]
    segment = segment.iloc[rng.permutation(len(segment))]
    old, known = outside[:OLD], outside[OLD:]
    cut = len(segment) * 2 // 3
    return outcome(Loop(folder, known, SETS), segment[:cut], old, segment[cut:])


def outcome(
    loop: Loop, labeled: pd.DataFrame, old: pd.DataFrame, fresh: pd.DataFrame, factor: float = 1.0
) -> Outcome:
    """Label rows, retrain and promote; measure production on old rows and on fresh ones."""
    before = [rmse(loop, old), rmse(loop, fresh, factor)]
    loop.live(labeled, factor)
    try:
        found, why = dict(loop.retrain(promote=True).comparison), ""
    except GateRefused as refused:
        found, why = dict(refused.evidence), refused.message
    after = [rmse(loop, old), rmse(loop, fresh, factor)]
    return Outcome(
        (before[0], after[0]), (before[1], after[1]), float(str(found["level"])), not why, why
    )


def rmse(loop: Loop, rows: pd.DataFrame, factor: float = 1.0) -> float:
    """Return the RMSE of production on `rows` at `factor` times their prices."""
    model = load_verified(loop.registry, loop.registry.get("production"))
    prices = model.score(rows.drop(columns="MEDV").to_numpy(dtype=float))
    return float(np.sqrt(((prices - rows["MEDV"].to_numpy() * factor) ** 2).mean()))


def market(folder: Path, seed: int, base: int = 340, labels: int = 60) -> Outcome:
    """Let all prices rise by 30 %: 340 old rows, 60 new prices, 106 fresh rows."""
    rows = shuffled(seed)
    loop = Loop(folder, rows[:base], SETS)
    fresh = rows[base + labels :]
    return outcome(loop, rows[base : base + labels], fresh, fresh, MARKET)


def main(seeds: int, only: str = "") -> None:
    """Print the table; only: of segments whose name has it, and without the market."""
    rows = shuffled(0)
    print("| segment | n | level | accepted | RMSE of old rows | RMSE of the segment |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, inside in segments(rows):
        found: list[Outcome] = []
        if only not in name:
            continue
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as folder:
                found.append(run(Path(folder), rows, inside, seed))
        said = [pooled(found, side) for side in ("old", "segment")]
        levels = ", ".join(sorted({f"{one.level:.2f}" for one in found}))
        accepted = sum(one.accepted for one in found)
        cells = [name, inside.sum(), levels, f"{accepted} of {seeds}", *said]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        for why in sorted({one.why.partition(": ")[2] for one in found if one.why}):
            print(f"<!-- refused: {why} -->", flush=True)
    learned: list[Outcome] = []
    for seed in range(0 if only else seeds):
        with tempfile.TemporaryDirectory() as folder:
            learned.append(market(Path(folder), seed))
    if only:
        return
    accepted = sum(one.accepted for one in learned)
    print(f"\nA market of +30 %: {accepted} of {seeds} learned, levels "
          f"{min(one.level for one in learned):.2f} to {max(one.level for one in learned):.2f}; "
          f"RMSE of fresh rows {pooled(learned, 'segment')}")  # fmt: skip


def pooled(found: list[Outcome], side: str) -> str:
    """Return before, after and change of the RMSE over all seeds."""
    before, after = (
        float(np.sqrt(np.mean([getattr(one, side)[k] ** 2 for one in found]))) for k in (0, 1)
    )
    return f"{before:.2f} to {after:.2f} ({after / before - 1:+.0%})"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, *sys.argv[2:3])
