"""Tables like public ones, with their habits: words, missing values, odd names."""

from __future__ import annotations

import numpy as np
import pandas as pd

OCEAN = {"<1H OCEAN": 0.44, "INLAND": 0.32, "NEAR OCEAN": 0.13, "NEAR BAY": 0.109, "ISLAND": 0.001}
_WORTH = {"<1H OCEAN": 0.4, "INLAND": -0.5, "NEAR OCEAN": 0.5, "NEAR BAY": 0.6, "ISLAND": 1.5}


def california(n: int, seed: int, shares: dict[str, float] | None = None) -> pd.DataFrame:
    """Return n block groups like those of California, one bedroom count in a hundred missing.

    shares: how often each word of `ocean_proximity` is, by default as in the census of 1990.
    """
    rng = np.random.default_rng(seed)
    shares = shares or OCEAN
    words = rng.choice(list(shares), n, p=np.array(list(shares.values())) / sum(shares.values()))
    income = rng.lognormal(1.2, 0.45, n).clip(0.5, 15)
    rooms = rng.lognormal(7.5, 0.7, n).round()
    worth = np.array([_WORTH.get(word, 2.5) for word in words])
    value = (0.45 * income + worth + 0.3 + rng.normal(0, 0.25, n)).clip(0.15, 5.0)
    bedrooms = (rooms / 5).round()
    bedrooms[rng.random(n) < 0.01] = np.nan
    return pd.DataFrame({
        "longitude": rng.uniform(-124, -114, n).round(2),
        "latitude": rng.uniform(32, 42, n).round(2),
        "total_rooms": rooms,
        "total_bedrooms": bedrooms,
        "median_income": income.round(4),
        "ocean_proximity": words,
        "median_house_value": (value * 1e5).round(),
    })  # fmt: skip
