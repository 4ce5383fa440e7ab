"""What an installation that only serves goes without."""

from __future__ import annotations

from pathlib import Path

DISTRIBUTION = "housing-loop"
# Modules that are not named as what installs them.
MODULES = {"scikit-learn": ("sklearn",)}


def lacks(module: str) -> bool:
    """Return whether `module` comes with what the group `serving-lacks` of pyproject.toml names.

    The image that serves is built by the same group.
    """
    import tomllib

    groups = tomllib.loads(_pyproject())["dependency-groups"]
    names = [name for one in groups["serving-lacks"] for name in MODULES.get(one, (one,))]
    return module.partition(".")[0] in names


def _pyproject() -> str:
    """Return pyproject.toml: of the clone that this is run from, or out of the wheel's metadata."""
    clone = Path(__file__).parents[2] / "pyproject.toml"
    if clone.exists():
        return clone.read_text(encoding="utf-8")
    from importlib import metadata

    return metadata.distribution(DISTRIBUTION).read_text("extra_metadata/pyproject.toml") or ""
