"""The table that the tests log rows of."""

from housing_cli.data.schema import FeatureSchema

BOSTON = FeatureSchema(
    ("CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B",
     "LSTAT"),
    "MEDV",
)  # fmt: skip
ROW = [0.00632, 18.0, 2.31, None, 0.538, 6.575, 65.2, 4.09, 1.0, 296.0, 15.3, 396.9, 4.98]
