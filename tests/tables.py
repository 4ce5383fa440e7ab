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


AMES_NUMBERS = (
    "Lot Frontage", "Lot Area", "Year Built", "Year Remod/Add", "Mas Vnr Area", "BsmtFin SF 1",
    "BsmtFin SF 2", "Bsmt Unf SF", "Total Bsmt SF", "1st Flr SF", "2nd Flr SF", "Low Qual Fin SF",
    "Gr Liv Area", "Bsmt Full Bath", "Bsmt Half Bath", "Full Bath", "Half Bath", "Bedroom AbvGr",
    "Kitchen AbvGr", "TotRms AbvGrd", "Fireplaces", "Garage Yr Blt", "Garage Cars", "Garage Area",
    "Wood Deck SF", "Open Porch SF", "Enclosed Porch", "3Ssn Porch", "Screen Porch", "Pool Area",
    "Misc Val", "Mo Sold", "Yr Sold", "Overall Qual", "Overall Cond",
)  # fmt: skip
_QUALITY = ("Ex", "Gd", "TA", "Fa", "Po")
AMES_WORDS = {
    "MS Zoning": ("RL", "RM", "FV", "RH", "C (all)"),
    "Street": ("Pave", "Grvl"),
    "Alley": ("NA", "Grvl", "Pave"),
    "Lot Shape": ("Reg", "IR1", "IR2", "IR3"),
    "Land Contour": ("Lvl", "HLS", "Bnk", "Low"),
    "Utilities": ("AllPub",),
    "Lot Config": ("Inside", "Corner", "CulDSac", "FR2", "FR3"),
    "Land Slope": ("Gtl", "Mod", "Sev"),
    "Neighborhood": (
        "NAmes",
        "CollgCr",
        "OldTown",
        "Edwards",
        "Somerst",
        "NridgHt",
        "Gilbert",
        "Sawyer",
        "NWAmes",
        "SawyerW",
        "Mitchel",
        "BrkSide",
        "Crawfor",
        "IDOTRR",
        "Timber",
        "NoRidge",
        "StoneBr",
        "SWISU",
        "ClearCr",
        "MeadowV",
        "BrDale",
        "Blmngtn",
        "Veenker",
        "NPkVill",
    ),
    "Condition 1": ("Norm", "Feedr", "Artery", "RRAn", "PosN"),
    "Condition 2": ("Norm", "Feedr"),
    "Bldg Type": ("1Fam", "TwnhsE", "Duplex", "Twnhs", "2fmCon"),
    "House Style": ("1Story", "2Story", "1.5Fin", "SLvl", "SFoyer", "2.5Unf"),
    "Roof Style": ("Gable", "Hip", "Gambrel", "Flat"),
    "Roof Matl": ("CompShg", "Tar&Grv", "WdShake"),
    "Exterior 1st": ("VinylSd", "MetalSd", "HdBoard", "Wd Sdng", "Plywood", "CemntBd", "BrkFace"),
    "Exterior 2nd": ("VinylSd", "MetalSd", "HdBoard", "Wd Sdng", "Plywood", "CmentBd", "Wd Shng"),
    "Mas Vnr Type": ("None", "BrkFace", "Stone", "BrkCmn"),
    "Exter Qual": _QUALITY[:4],
    "Exter Cond": _QUALITY,
    "Foundation": ("PConc", "CBlock", "BrkTil", "Slab", "Stone"),
    "Bsmt Qual": (*_QUALITY[:4], "NA"),
    "Bsmt Cond": (*_QUALITY[1:4], "NA"),
    "Bsmt Exposure": ("No", "Gd", "Av", "Mn", "NA"),
    "BsmtFin Type 1": ("GLQ", "Unf", "ALQ", "Rec", "BLQ", "LwQ", "NA"),
    "BsmtFin Type 2": ("Unf", "Rec", "LwQ", "BLQ", "NA"),
    "Heating": ("GasA", "GasW", "Grav"),
    "Heating QC": _QUALITY[:4],
    "Central Air": ("Y", "N"),
    "Electrical": ("SBrkr", "FuseA", "FuseF"),
    "Kitchen Qual": _QUALITY[:4],
    "Functional": ("Typ", "Min1", "Min2", "Mod"),
    "Fireplace Qu": ("NA", *_QUALITY),
    "Garage Type": ("Attchd", "Detchd", "BuiltIn", "Basment", "NA"),
    "Garage Finish": ("Unf", "RFn", "Fin", "NA"),
    "Garage Qual": ("TA", "Fa", "Gd", "NA"),
    "Garage Cond": ("TA", "Fa", "Gd", "NA"),
    "Paved Drive": ("Y", "N", "P"),
    "Pool QC": ("NA", "Ex", "Gd"),
    "Fence": ("NA", "MnPrv", "GdPrv", "GdWo", "MnWw"),
    "Misc Feature": ("NA", "Shed", "Gar2", "Othr"),
    "Sale Type": ("WD ", "New", "COD", "ConLD"),
    "Sale Condition": ("Normal", "Partial", "Abnorml", "Family"),
}


def ames(n: int, seed: int) -> pd.DataFrame:
    """Return n houses like those of Ames: 82 columns, in which the text `NA` means that none is."""
    rng = np.random.default_rng(seed)
    made: dict[str, object] = {
        "Order": np.arange(1, n + 1),
        "PID": 526_301_100 + 37 * rng.permutation(10 * n)[:n],
        "MS SubClass": rng.choice([20, 30, 50, 60, 70, 80, 85, 90, 120, 160], n),
    }
    for name, words in AMES_WORDS.items():
        weights = 0.5 ** np.arange(len(words)) if name != "Neighborhood" else np.ones(len(words))
        made[name] = rng.choice(words, n, p=weights / weights.sum())
    for name in AMES_NUMBERS:
        made[name] = rng.integers(0, 400, n)
    quality, area = rng.integers(3, 11, n), rng.normal(1500, 480, n).clip(400, 4000).round()
    built = rng.integers(1900, 2011, n)
    lot = rng.lognormal(9.1, 0.4, n).round()
    made |= {
        "Overall Qual": quality,
        "Overall Cond": rng.integers(3, 10, n),
        "Gr Liv Area": area,
        "Lot Area": lot,
        "Lot Frontage": np.where(rng.random(n) < 0.17, np.nan, np.sqrt(lot).round()),
        "Year Built": built,
        "Year Remod/Add": np.maximum(built, rng.integers(1950, 2011, n)),
        "Garage Yr Blt": np.where(made["Garage Type"] == "NA", np.nan, built),
        "Full Bath": rng.integers(1, 4, n),
        "Mo Sold": rng.integers(1, 13, n),
        "Yr Sold": rng.integers(2006, 2011, n),
    }
    places = AMES_WORDS["Neighborhood"]
    near = np.array([places.index(str(one)) for one in made["Neighborhood"]])  # type: ignore[attr-defined]
    kitchen = np.array([_QUALITY.index(str(one)) for one in made["Kitchen Qual"]])  # type: ignore[attr-defined]
    level = 10.6 + 0.11 * quality + 0.00035 * area + 0.002 * (built - 1900)
    level += 0.012 * (near % 7) - 0.04 * kitchen + rng.normal(0, 0.1, n)
    made["SalePrice"] = (np.exp(level) / 100).round() * 100
    order = ["Order", "PID", "MS SubClass", *AMES_WORDS, *AMES_NUMBERS, "SalePrice"]
    return pd.DataFrame({name: made[name] for name in order})


def ames_csv(n: int, seed: int) -> bytes:
    """Return `ames` as its file is: with a byte order mark, the target last."""
    return ames(n, seed).to_csv(index=False).encode("utf-8-sig")


def king_county(n: int, seed: int) -> pd.DataFrame:
    """Return n sales like those of King County: `id` is a house's, and some were sold twice."""
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2014-05-02") + pd.to_timedelta(rng.integers(0, 390, n), unit="D")
    living = rng.lognormal(7.55, 0.42, n).round(-1)
    basement = np.where(rng.random(n) < 0.4, (living * 0.3).round(-1), 0)
    zipcode = rng.choice(np.arange(98001, 98071), n)
    grade = rng.integers(5, 13, n)
    waterfront = (rng.random(n) < 0.05).astype(int)
    level = 11.2 + 0.17 * grade + 0.00025 * living + 0.5 * waterfront
    level += 0.15 * np.sin(zipcode * 2.3) + rng.normal(0, 0.12, n)
    ids = rng.integers(1_000_102, 9_900_000_190, n)
    ids[n - max(n // 100, 1) :] = ids[: max(n // 100, 1)]
    return pd.DataFrame({
        "id": ids,
        "date": [f"{day:%Y%m%d}T000000" for day in days],
        "price": np.exp(level).round(),
        "bedrooms": rng.integers(1, 7, n),
        "bathrooms": rng.integers(2, 16, n) / 4,
        "sqft_living": living,
        "sqft_lot": rng.lognormal(9, 0.8, n).round(),
        "floors": rng.choice([1.0, 1.5, 2.0, 2.5, 3.0], n),
        "waterfront": waterfront,
        "view": rng.integers(0, 5, n),
        "condition": rng.integers(1, 6, n),
        "grade": grade,
        "sqft_above": living - basement,
        "sqft_basement": basement,
        "yr_built": rng.integers(1900, 2016, n),
        "yr_renovated": np.where(rng.random(n) < 0.05, rng.integers(1950, 2016, n), 0),
        "zipcode": zipcode,
        "lat": rng.uniform(47.15, 47.78, n).round(4),
        "long": rng.uniform(-122.5, -121.3, n).round(3),
        "sqft_living15": (living * rng.normal(1, 0.15, n)).round(-1).clip(400),
        "sqft_lot15": rng.lognormal(9, 0.6, n).round(),
    })  # fmt: skip


FLOORS = (
    "Bajo",
    "Entreplanta",
    "1\u00aa",
    "2\u00aa",
    "3\u00aa",
    "4\u00aa",
    "5\u00aa",
    "\u00c1tico",
)
_DISTRICTS = {"Chamber\u00ed": 1.5, "Salamanca": 1.8, "Vallecas": 0.6, "Tetu\u00e1n": 1.0,
              "Legan\u00e9s": 0.5, "Pe\u00f1agrande": 0.9}  # fmt: skip


def madrid(n: int, seed: int) -> pd.DataFrame:
    """Return n flats like those of a Spanish portal, numbers written for people; see `madrid_csv`.

    `precio_m2` times `superficie` is the price: it leaks.
    """
    rng = np.random.default_rng(seed)
    area = rng.lognormal(4.5, 0.4, n).round().clip(25, 900)
    place, floor = rng.choice(list(_DISTRICTS), n), rng.choice(FLOORS, n)
    lift = rng.choice(["S\u00ed", "No"], n, p=[0.7, 0.3])
    worth = 3800 * np.array([_DISTRICTS[one] for one in place])
    worth = worth * (1 + 0.06 * (lift != "No")) * (1 + 0.15 * (floor == FLOORS[-1]))
    price = (area * worth * rng.normal(1, 0.08, n) / 1000).round() * 1000
    each = [f"{value:,.0f}".replace(",", ".") for value in price / area]
    return pd.DataFrame({
        "t\u00edtulo": [f"Piso en venta en calle {number}" for number in rng.permutation(n)],
        "distrito": place,
        "superficie": [f"{value:.0f} m\u00b2" for value in area],
        "habitaciones": (area / 30).round().clip(1).astype(int),
        "planta": np.where(rng.random(n) < 0.05, "", floor),
        "ascensor": lift,
        "estado": rng.choice(["Segunda mano/buen estado", "A reformar", "Obra nueva"], n),
        "precio_m2": [f"{value} \u20ac/m\u00b2" for value in each],
        "precio": [f"{value:,.0f} \u20ac".replace(",", ".") for value in price],
    })  # fmt: skip


def madrid_csv(n: int, seed: int) -> bytes:
    """Return `madrid` as its file is: an index without a name, semicolons, Windows' Latin-1."""
    return madrid(n, seed).to_csv(sep=";").encode("cp1252")
