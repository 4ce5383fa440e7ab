"""The command line itself: codes, completion, pipes, terminals, bugs."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from housing_cli import __version__, errors
from housing_cli.cli import EXIT_CODES, app
from housing_cli.errors import ExitCode, HousingError
from tests.conftest import QUICK, Housing
from tests.system.processes import HOUSING, environment


def test_version_and_help_go_to_stdout(housing: Housing) -> None:
    assert housing("--version").stdout == f"housing {__version__}\n"
    assert housing("-h").stdout == housing("--help").stdout
    assert "train" in housing("--help").stdout


def test_no_verb_is_help_and_no_verb_of_the_registry_a_usage_error(housing: Housing) -> None:
    for words in ([], ["help"]):
        ran = housing(*words)
        assert (ran.code, ran.stdout) == (0, housing("--help").stdout)
    assert housing("help", "train").stdout == housing("train", "--help").stdout
    ran = housing("registry")
    assert (ran.code, ran.stdout) == (64, "")
    assert ran.stderr.startswith("Usage: housing") and "error: no verb given" in ran.stderr


def test_json_may_be_asked_for_before_the_verb(housing: Housing, artifacts: Path) -> None:
    assert artifacts.exists()
    assert housing("--json", "registry", "ls").json == housing("registry", "ls", "--json").json


@pytest.mark.parametrize(
    ("word", "hint"),
    [("rollback", "use `housing promote --rollback`"), ("ls", "use `housing registry ls`"),
     ("show", "use `housing registry show REF`")],
)  # fmt: skip
def test_verbs_of_other_tools_are_told_ours(housing: Housing, word: str, hint: str) -> None:
    ran = housing(word)
    assert (ran.code, ran.stderr) == (64, f"error: no such command `{word}`\nhint: {hint}\n")


def test_a_mistyped_ref_is_told_what_was_meant(housing: Housing, artifacts: Path) -> None:
    assert artifacts.exists()
    ran = housing("registry", "show", "prodution")
    assert ran.code == 1
    assert "hint: did you mean `production`?" in ran.stderr


def test_only_evaluate_may_return_2() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, HousingError):
            code = next(EXIT_CODES[k][0] for k in kind.__mro__ if k in EXIT_CODES)
            assert code != ExitCode.DEGRADED


def test_a_bug_keeps_its_traceback_and_code_1(workshop: Path) -> None:
    code = (
        "import housing_cli.registry.store as s\n"
        "def names(self): raise ZeroDivisionError('oh')\n"
        "s.ModelRegistry.names = names\n"
        "from housing_cli.cli import main; main()"
    )
    for extra in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-c", code, "registry", "ls", *extra],
            capture_output=True, text=True, check=False, env=environment(),
        )  # fmt: skip
        assert done.returncode == 1
        assert "Traceback" in done.stderr and "ZeroDivisionError: oh" in done.stderr
        if extra:
            envelope = json.loads(done.stdout)
            assert (envelope["status"], envelope["exit_code"]) == ("bug", 1)
            assert envelope["errors"][0]["message"] == "ZeroDivisionError: oh"
        else:
            assert done.stdout == ""


@pytest.mark.parametrize("module", ["sklearn", "pandas", "joblib", "skl2onnx", "onnx"])
def test_a_serving_installation_says_that_it_cannot_learn(module: str, workshop: Path) -> None:
    code = f"import sys; sys.modules[{module!r}] = None\nfrom housing_cli.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "train"],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: this installation serves only: `{module}")
    assert done.stderr.endswith(
        "hint: install all of it (`pip install .` in the clone, or the wheel with its "
        "dependencies), or use the full image\n"
    )


def test_a_reader_that_goes_away_is_no_error(artifacts: Path) -> None:
    for verb in (["registry", "ls"], ["registry", "show", "v1", "--json"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [*HOUSING, *verb], stdout=writer, stderr=subprocess.PIPE, env=environment(), check=False
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("words", [["registry", "ls"], ["train", "--help"], ["--version"]])
def test_output_that_cannot_be_written_is_an_error(artifacts: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*HOUSING, *words],
            stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: the output cannot be written: No space left on device\n")
    assert "Traceback" not in done.stderr


def test_errors_that_nobody_can_read_keep_their_code(artifacts: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*HOUSING, "registry"], stdout=subprocess.PIPE, stderr=full, env=environment(),
            check=False,
        )  # fmt: skip
    assert done.returncode == 64


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("verb", "code"),
    [("evaluate --strict", 3), ("evaluate --strict --json", 3), ("registry ls", 0), ("bogus", 64)],
)
def test_a_closed_stream_changes_no_exit_code(
    artifacts: Path, verb: str, code: int, closed: str
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$@" {verb} {closed}', "sh", *HOUSING],
        capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_any_locale_can_show_any_text(artifacts: Path) -> None:
    reason = b"caf\xc3\xa9 \xff".decode(errors="surrogateescape")
    plain = environment({"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    for words in (
        ["promote", "v2", "--force", "--reason", reason],
        ["registry", "history"],
        ["registry", "history", "--json"],
    ):
        done = subprocess.run([*HOUSING, *words], capture_output=True, env=plain, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["data"]["events"][0]["why"].startswith("caf")


def on_a_terminal(words: list[str], columns: int, **variables: str) -> str:
    """Return what a terminal shows, with what it obeys."""
    parent, child = pty.openpty()
    env = environment({"TERM": "xterm-256color", "COLUMNS": str(columns), **variables})
    process = subprocess.Popen([*HOUSING, *words], stdout=child, stderr=child, env=env)
    os.close(child)
    shown = b""
    while select.select([parent], [], [], 20)[0]:
        try:
            shown += os.read(parent, 65536)
        except OSError:
            break
    process.wait(20)
    return shown.decode()


RED, GREEN = "\x1b[1;31m", "\x1b[32m"


def test_errors_are_red_on_a_terminal_unless_nobody_wants_colors(workshop: Path) -> None:
    assert workshop.exists()
    shown = on_a_terminal(["trian"], 80)
    assert f"{RED}error:\x1b[0m no such command" in shown
    assert "\x1b[" not in on_a_terminal(["trian"], 80, NO_COLOR="1")


def test_a_terminal_gets_a_drawn_table_and_a_pipe_plain_columns(artifacts: Path) -> None:
    text = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal(["registry", "ls"], columns=93))
    assert "┃ version ┃" in text and "│ v2      │" in text
    assert max(map(len, text.splitlines())) == 93
    piped = subprocess.run([*HOUSING, "registry", "history"], capture_output=True, env=environment(
        {"COLUMNS": "20"}), text=True, check=True).stdout  # fmt: skip
    assert "┃" not in piped and "…" not in piped
    assert max(map(len, piped.splitlines())) > 60


def test_a_narrow_terminal_goes_without_some_columns_and_says_so(artifacts: Path) -> None:
    text = on_a_terminal(["registry", "ls"], columns=70)
    assert "no room for parent, R2: a wider terminal, or `--json`, has them" in text
    assert "MAE" in text
    assert max(map(len, text.splitlines()[:-1])) <= 70


def complete(words: str, shell: str = "bash") -> list[str]:
    """Run the shell's completion protocol for the command line `words`."""
    parts = words.split(" ")
    asked = {
        "_HOUSING_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(parts) - 1),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        ["housing"], executable=str(Path(sys.executable).with_name("housing")),
        capture_output=True, text=True, env=environment(asked), check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_the_shell_completes_verbs_aliases_versions_and_tags(artifacts: Path) -> None:
    assert complete("housing tr") == ["train"]
    assert set(complete("housing promote ")) == {"production", "v1", "v2", "first", "second"}
    assert complete("housing promote s") == ["second"]
    assert set(complete("housing registry show v")) == {"v1", "v2"}
    assert set(complete("housing evaluate --version p")) == {"production"}
    assert set(complete("housing registry diff v1 f")) == {"first"}
    assert any("second" in line for line in complete("housing promote s", "zsh"))
    assert any("second" in line for line in complete("housing promote s", "fish"))


def test_completion_is_silent_where_there_is_nothing(workshop: Path) -> None:
    assert complete("housing promote ") == []
    (workshop / "configs").mkdir()
    (workshop / "configs/housing.toml").write_text("broken")
    assert complete("housing promote ") == []


def test_github_gets_outputs_and_a_summary(
    table: Path, housing: Housing, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(workshop / "out"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(workshop / "summary"))
    assert housing("train", "--data-path", table, *QUICK).code == 0
    outputs = dict(line.split("=", 1) for line in (workshop / "out").read_text().splitlines())
    assert (outputs["version"], outputs["production"], outputs["exit_code"]) == ("v1", "true", "0")
    assert "| v1 |" in (workshop / "summary").read_text()
    assert housing("train", "--data-path", "gone").code == 1
    assert "`gone` does not exist" in (workshop / "summary").read_text()
    housing("registry", "ls")
    assert "registry ls" not in (workshop / "summary").read_text()


def test_the_runner_of_typer_sees_codes_too() -> None:
    assert CliRunner().invoke(app, ["nonsense"]).exit_code == 64
