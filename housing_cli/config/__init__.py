"""Settings: option > `HOUSING_*` variable > `configs/housing.toml` > built-in default.

The sections of the file are the verbs and the rooms of the package; the variable of a setting is
`HOUSING_<SECTION>_<KEY>` (`HOUSING_LOG_URL`, `HOUSING_API_KEYS`, `HOUSING_EVALUATE_THRESHOLD`).
Relative paths start at the current directory.
"""

from housing_cli.config.settings import SECTIONS, Data, Model, Settings
from housing_cli.config.sources import load_settings, settings_with_sources

__all__ = ["SECTIONS", "Data", "Model", "Settings", "load_settings", "settings_with_sources"]
