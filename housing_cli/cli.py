"""The `housing` command: registers the verbs; the one place where errors become exit codes."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from housing_cli import errors, garbage
from housing_cli.commands import values, verbs
from housing_cli.errors import ExitCode, HousingError
from housing_cli.files import keep_from_strangers
from housing_cli.show.printer import emit, print_schema, say, unwritten
from housing_cli.show.result import Result, failure

MEANT = {
    "rollback": "housing promote --rollback",
    "fit": "housing train",
    "server": "housing serve",
    "start": "housing serve",
    "run": "housing serve",
    "judge": "housing evaluate",
    "score": "housing evaluate",
    "price": "housing predict FILE",
    "deploy": "housing promote REF",
    "list": "housing registry ls",
    **{verb: f"housing registry {verb}" for verb in ("ls", "history", "verify", "gc", "sign")},
    **{verb: f"housing registry {verb} REF" for verb in ("show", "diff")},
}
"""What those mean who use other tools' verbs."""
_NO_COMMAND = re.compile(r"no such command `(\S+)`.*", re.IGNORECASE)
_PROPOSAL = re.compile(r"\(?(?:Possible options:|Did you mean)(.*?)[?)]?$")

values.install()

EXIT_CODES: dict[type[HousingError], tuple[ExitCode, str]] = {
    errors.UsageError: (ExitCode.USAGE, "usage"),
    errors.GateRefused: (ExitCode.REFUSED, "refused"),
    HousingError: (ExitCode.FAILURE, "error"),
}


class HousingGroup(TyperGroup):
    """Runs a verb, prints its result, and exits with the contract's codes."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the verbs as `verbs` orders them; Typer's order puts those with verbs last."""
        return [verb for verb in verbs() if verb in self.commands]

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **options: Any
    ) -> Any:
        """Run the verb that `args` name; called by keywords alone."""
        words, field = _field_of(_meant(list(sys.argv[1:] if args is None else args)))
        # Looked up before parsing: a usage error is JSON too where JSON was asked for.
        as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
        command = _command_name(words, self)
        options.setdefault("prog_name", "housing")
        try:
            if field is not None:
                from housing_cli.show.schemas import check_field

                check_field(command, field)
            if "--json-schema" in words:
                return _ended(print_schema(command), standalone_mode)
            outcome = super().main(words, standalone_mode=False, **options)
        except typer.Abort:
            outcome = ExitCode.INTERRUPTED
        except OSError as error:
            # Help and version are printed by Typer, and by nobody else.
            if not {"--help", "-h", "--version"} & set(words):
                raise
            outcome = unwritten(error)
        except Exception as error:
            known = _known_failure(error, command, words)
            if known is None:
                # A bug. Whoever reads JSON gets an object, and everyone the traceback.
                if as_json:
                    emit(_bug(command, error), as_json=True)
                raise
            outcome = known
        if outcome == ExitCode.INTERRUPTED:
            outcome = _interrupted(command)
        if isinstance(outcome, Result):
            outcome = emit(outcome, as_json=as_json, field=field)
        return _ended(int(outcome or 0), standalone_mode)


def _ended(code: int, standalone_mode: bool) -> int:
    """Return the exit code, or exit with it."""
    if standalone_mode:
        sys.exit(code)
    return code


def _field_of(words: list[str]) -> tuple[list[str], str | None]:
    """Return the words with `--json` for `--json=data.ratio`, and the field."""
    end = words.index("--") if "--" in words else len(words)
    fields = [word for word in words[:end] if word.startswith("--json=")]
    plain = ["--json" if word in fields else word for word in words[:end]]
    return [*plain, *words[end:]], fields[-1].partition("=")[2] if fields else None


def _meant(words: list[str]) -> list[str]:
    """Return the words with help where it is meant, and with `--json` behind the verb."""
    if not words:
        return ["--help"]
    if words[0] == "help":
        return [*words[1:], "--help"]
    if words[0] == "--json" and len(words) > 1:
        end = words.index("--") if "--" in words else len(words)
        return [*words[1:end], "--json", *words[end:]]
    return words


def _known_failure(error: Exception, command: str, words: list[str]) -> Result | None:
    """Return what to say of an error that is no bug."""
    if isinstance(error, HousingError):
        kinds = type(error).__mro__
        # scikit-learn judges these values when it fits, long after the options were read.
        if isinstance(error, errors.ModelError) and _sets_the_model(words):
            kinds = errors.UsageError.__mro__
        code, status = next(EXIT_CODES[kind] for kind in kinds if kind in EXIT_CODES)
        return failure(command, error, code, status)
    if isinstance(error, typer.TyperException):
        return failure(command, _usage_error(error, command), ExitCode.USAGE, "usage")
    if isinstance(error, ModuleNotFoundError) and _is_for_learning(error):
        missing = HousingError(
            f"this installation serves only: `{error.name}` is not installed",
            "install all of it (`pip install .` in the clone, or the wheel with its "
            "dependencies), or use the full image",
        )
        return failure(command, missing, ExitCode.FAILURE)
    return None


def _is_for_learning(error: ModuleNotFoundError) -> bool:
    from housing_cli.commands.installation import lacks

    return lacks(error.name or "")


def _sets_the_model(words: list[str]) -> bool:
    return any(word.removeprefix("--set=").startswith("model.") for word in words)


def _interrupted(command: str) -> Result:
    error = HousingError("interrupted", "nothing is half-written; run it again")
    return failure(command, error, ExitCode.INTERRUPTED, "interrupted")


def _bug(command: str, error: Exception) -> Result:
    message = f"{type(error).__name__}: {error}".splitlines()[0]
    described = HousingError(message, "this is a bug; report it with the traceback")
    return failure(command, described, ExitCode.FAILURE, "bug")


def _usage_error(error: typer.TyperException, command: str) -> HousingError:
    if type(error).__name__ == "NoArgsIsHelpError":
        # The message is the help text.
        say(str(error))
        message = "no verb given"
    else:
        message = error.format_message()
    message = " ".join(message.split()).rstrip(".").replace("'", "`")
    verb = f" {command}" if command else ""
    hint = f"see `housing{verb} --help`"
    if (wrong := _NO_COMMAND.fullmatch(message)) and wrong[1] in MEANT:
        return errors.UsageError(f"no such command `{wrong[1]}`", f"use `{MEANT[wrong[1]]}`")
    if proposed := _PROPOSAL.search(message):
        message = message[: proposed.start()].rstrip(" .")
        names = " or ".join(f"`{name.strip('` ')}`" for name in proposed[1].split(","))
        hint = f"did you mean {names}? {hint}"
    message = re.sub(r"(no such option): (\S+)", r"\1 `\2`", message, flags=re.IGNORECASE)
    message = re.sub(r"got unexpected extra argument\(?s?\)? \((.*)\)", r"unexpected `\1`",
                     message, flags=re.IGNORECASE)  # fmt: skip
    return errors.UsageError(message[:1].lower() + message[1:], hint)


def _command_name(words: list[str], group: Any) -> str:
    """Return `registry ls` for the words `registry ls --json`; empty where no verb is named."""
    names: list[str] = []
    for word in words:
        if word.startswith("-"):
            continue
        child = getattr(group, "commands", {}).get(word)
        if child is None:
            break
        names.append(word)
        group = child
    return " ".join(names)


def _show_version(asked: bool) -> None:
    if asked:
        from housing_cli import __version__

        print(f"housing {__version__}", flush=True)  # noqa: T201
        raise typer.Exit


def make_app(only: str | None = None) -> typer.Typer:
    """Return the command line.

    only: the verb that will run, where that is known. To import and describe the others takes
    longer than to start a small server should.
    """
    app = typer.Typer(
        cls=HousingGroup,
        epilog="Example: housing train --tag baseline && housing serve",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
    )
    app.callback()(housing)
    every = verbs()
    for verb in (only,) if only in every else every:
        module = importlib.import_module(f"housing_cli.commands.{verb}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=verb)
        else:
            app.command(verb, epilog=f"Example: {module.EXAMPLE}")(module.command)
    return app


def __getattr__(name: str) -> typer.Typer:
    """Make `app`, the whole command line, when it is asked for."""
    if name != "app":
        raise AttributeError(name)
    globals()["app"] = made = make_app()
    return made


def housing(
    version: bool = typer.Option(
        False, "--version", help="Show the version of housing.", is_eager=True,
        callback=_show_version,
    ),
) -> None:  # fmt: skip
    """Train, serve, judge, retrain and promote a house-price model."""


def main() -> None:
    """Run the command line."""
    keep_from_strangers()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this: `housing evaluate >&-`
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    # A verb is the first word that is no option; shell completion has no words, and needs all.
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if any(word.endswith("-completion") for word in sys.argv[1:]):
        from housing_cli.commands import completing

        completing.install()
    try:
        app = make_app(words[0] if words else None)
        garbage.resume()
        app(prog_name="housing")
    except KeyboardInterrupt:  # before the verb began, or while its result was printed
        sys.exit(ExitCode.INTERRUPTED)
