"""Train, serve, judge, retrain and promote a house-price model from one command.

`load`, `log` and `evaluate` are for notebooks and scripts (see `python.py`); they are imported when
they are asked for.
"""

__version__ = "0.1.0"

_PYTHON = ("Judgment", "Model", "evaluate", "load", "log")


def __getattr__(name: str) -> object:
    """Return a name of the Python API. By its text: the server must not lean on what it needs."""
    if name not in _PYTHON:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module("housing_cli.python"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PYTHON})
