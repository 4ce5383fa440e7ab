"""King County: an `id` that is the log's own word, compact days, zip codes that are no amounts."""

from __future__ import annotations

from pathlib import Path

from tests.system.real_tables import began, off, priced, requests_of, the_loop_closes
from tests.tables import king_county


def test_the_loop_closes_on_king_county(tmp_path: Path) -> None:
    raw = king_county(600, 1).to_csv(index=False).encode()
    bench, made = began(tmp_path, "kc_house_data.csv", raw, "price")
    assert "an id: nearly every row has its own" in made.stdout
    fresh = king_county(120, 2)
    features = [str(name) for name in fresh if name not in {"id", "date", "price"}]
    rows = requests_of(fresh, features)
    prices = fresh["price"].tolist()
    answers = the_loop_closes(bench, rows, prices)
    assert off(answers, prices) < 0.35
    assert len(priced(bench, "kc_house_data.csv")) == 600
