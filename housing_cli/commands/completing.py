"""Completion in zsh that works at the first Tab.

Typer's script is a file that zsh loads as a function when Tab is first pressed behind `housing`.
Run as such it only defines and registers the function that completes: nothing happens until the
second Tab. What is put behind it asks how it was run, and completes at once where it was loaded.
Typer has no public way to change the script: what is replaced here is bound by the version of Typer
in pyproject.toml, and a script that looks otherwise is left alone.
"""

from __future__ import annotations

from typing import Final

_REGISTERS: Final = "compdef %(complete_func)s %(prog_name)s\n"
_COMPLETES_TOO: Final = (
    'if [[ "${funcstack[1]}" == _%(prog_name)s ]]; then\n'
    '  %(complete_func)s "$@"\n'
    "else\n"
    f"  {_REGISTERS}"
    "fi\n"
)


def install() -> None:
    """Make `--install-completion` and `--show-completion` write the better script."""
    from typer import _completion_shared as shared

    scripts = shared._completion_scripts
    for shell, script in scripts.items():
        if shell == "zsh" and script.endswith(f"\n{_REGISTERS}"):
            scripts[shell] = script.removesuffix(_REGISTERS) + _COMPLETES_TOO
