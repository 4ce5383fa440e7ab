"""Reads what a Markdown page claims: links, commands, options, settings, files, routes, modules.

`problems(page, text)` returns a line for every claim that is not so. It reads code blocks and
inline code, which is where a page names such things; prose is nobody's claim.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from housing_cli.config import load_settings
from housing_cli.config.settings import SECTIONS
from housing_cli.errors import HousingError

ROOT = Path(__file__).parent.parent.parent
# `artifacts/` and `logs/` as a version of `housing` wrote them: what is named there must be here.
WRITTEN = ROOT / "tests" / "formats" / "format_1"

# Options of other programs that the pages speak of.
FOREIGN_OPTIONS = {
    "--read-only": "docker",
    "--user": "docker",
    "--target": "docker",
    "--build-arg": "docker",
}
# Names that look like a file of ours and are another's, or are the reader's own.
FOREIGN_FILES = {
    "HousingData.csv",
    "houses.csv",
    "report.html",
    "verdict.prom",
    "priced.csv",
    "prices.csv",
    "prices.errors.csv",
    "prices.parquet",
}
# Names that are there only while the registry changes, or that a later version added; its source
# must still say them.
TRANSIENT = {
    ".lock",
    ".journal.json",
    "format.json",
    "served.csv",
    "metadata.json.minisig",
    "explanation.json",
    "signatures",
}
_SUFFIXES = r"csv|db|html|ipynb|joblib|json|jsonl|md|onnx|prom|py|sh|sha256|toml|typed|txt|ya?ml"

_FENCE = re.compile(r"^(```+)(\w*)[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_LINK = re.compile(r"(?<!\!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
_VARIABLE = re.compile(r"\bHOUSING_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_*<])")
_FILE = re.compile(rf"[\w.-]+\.(?:{_SUFFIXES})")
_MODULE = re.compile(r"\b(?:housing_cli|tests)(?:\.\w+)+")
_OPERATORS = {"&&", "||", "|", ";", "&", "then", "do", "if", "!", "{", "}"}


def problems(page: Path, text: str) -> list[str]:
    """Return what `text`, the page at `page`, claims and is not so."""
    blocks = [(match[2], match[3]) for match in _FENCE.finditer(text)]
    prose = _FENCE.sub("", text)
    found = [*links(page, prose)]
    for language, block in blocks:
        found += in_block(language, block)
    for match in _INLINE.finditer(prose):
        found += in_words(page, " ".join(match[1].split()))
    return [f"{page.relative_to(ROOT)}: {problem}" for problem in dict.fromkeys(found)]


def links(page: Path, prose: str) -> Iterator[str]:
    """Yield the links that lead nowhere: to no file, or to no heading of a page."""
    for target in _LINK.findall(_INLINE.sub("code", prose)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists():
            yield f"link to `{target}`, which does not exist"
        elif anchor and anchor not in anchors(prose if path == page else path.read_text()):
            yield f"link to `{target}`, which has no such heading"


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    made: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower())
        slug = base = plain.replace(" ", "-")
        count = 0
        while slug in made:
            count += 1
            slug = f"{base}-{count}"
        made.add(slug)
    return made


def in_block(language: str, block: str) -> Iterator[str]:
    """Yield what is wrong in a fenced block."""
    if language in {"sh", "console"}:
        prompt = language == "console"
        for line in re.sub(r"\\\n", " ", block).splitlines():
            if not prompt or line.startswith("$ "):
                yield from in_command(line.removeprefix("$ "))
    elif language == "toml":
        yield from in_toml(block)
    if language in {"sh", "console", "toml", "yaml", "python"}:
        yield from variables(block)
        yield from modules(block)


def in_words(page: Path, words: str) -> Iterator[str]:
    """Yield what is wrong in one piece of inline code."""
    yield from variables(words)
    yield from modules(words)
    yield from setting(words)
    if re.match(r"(\.ci/\w+|housing)( |$)", words):
        yield from in_command(words)
    elif words.startswith("--"):
        yield from option(words)
    elif match := re.fullmatch(r"(?:GET |POST )?(/[a-z/.]*)", words):
        yield from route(match[1])
    elif " " not in words and "(" not in words:
        yield from file(page, words)


def in_command(line: str) -> Iterator[str]:
    """Yield what a shell line asks of `housing` and of the project's scripts that they lack."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        yield f"`{line}` is no shell line: {error}"
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if word not in _OPERATORS and not word.endswith(";"):
            command.append(word)
            continue
        if word not in _OPERATORS:
            command.append(word[:-1])
        yield from one_command(command)
        command = []


def one_command(words: list[str]) -> Iterator[str]:
    """Yield what is wrong with one command: its verb, its options, or a setting that it gives."""
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    if not words:
        return
    if words[0].startswith(".ci/"):
        yield from script(words)
    if words[0] == "housing":
        yield from verb(words[1:])


def script(words: list[str]) -> Iterator[str]:
    """Yield whether a script of `.ci/` is missing, or has no option of a name (pytest's aside)."""
    path = ROOT / words[0]
    if not path.is_file():
        yield f"`{words[0]}` does not exist"
        return
    source = path.read_text() + (ROOT / "tests" / "conftest.py").read_text()
    for word in words[1:]:
        if word.startswith("--") and word.partition("=")[0] not in source:
            yield f"`{words[0]}` has no option `{word}`"


def verb(words: list[str]) -> Iterator[str]:
    """Yield what is wrong with the words after `housing`."""
    command, named = _app(), "housing"
    words = list(words)
    while words:
        word = words.pop(0)
        if word.startswith("-") and len(word) > 1:
            name, equals, value = word.partition("=")
            option_ = _options(command).get(name)
            if option_ is None:
                yield f"`{named}` has no option `{name}`"
                continue
            if not option_.is_flag and not equals:
                value = words.pop(0) if words else ""
            if name == "--set":
                yield from _set(value)
        elif hasattr(command, "commands"):
            if word not in command.commands:
                yield f"`{named}` has no verb `{word}`"
                return
            command, named = command.commands[word], f"{named} {word}"


def option(words: str) -> Iterator[str]:
    """Yield whether an option that stands alone is one of no verb, and of no other program."""
    name, _, value = words.partition(" ")
    for alternative in name.partition("=")[0].split("/"):
        if alternative not in FOREIGN_OPTIONS and alternative not in _all_options():
            yield f"no verb has an option `{alternative}`"
    if name == "--set":
        yield from _set(value)


def variables(text: str) -> Iterator[str]:
    """Yield the `HOUSING_*` variables that are no setting and stand in no file of `configs/`."""
    for name in _VARIABLE.findall(text):
        if name not in _variables():
            yield f"`{name}` is no variable"


def setting(words: str) -> Iterator[str]:
    """Yield whether `section.key` or `[section] key` names no setting."""
    match = re.fullmatch(r"\[(\w+)\](?: (\w+))?", words) or re.fullmatch(
        rf"({'|'.join(SECTIONS)})\.(\w+)(?:\.\w+)?(?: ?=.*)?", words
    )
    if match is None or (match[2] and re.fullmatch(_SUFFIXES, match[2])):
        return
    section, key = match[1], match[2]
    if section not in SECTIONS or (key and key not in SECTIONS[section].__struct_fields__):
        yield f"`{words}` is no setting"


def in_toml(block: str) -> Iterator[str]:
    """Yield what `housing` would refuse of a settings file."""
    for section, values in tomllib.loads(block).items():
        known = SECTIONS[section].__struct_fields__ if section in SECTIONS else ()
        for key in values:
            if key not in known:
                yield f"`[{section}] {key}` is no setting"


def file(page: Path, words: str) -> Iterator[str]:
    """Yield whether a path or the name of a file names nothing here or in what is written."""
    name = words.rstrip("/")
    if re.search(r"[A-Z<>*…{}:=@%$]{3,}|[<>*…{}:=@%$~]|^/|^\.\./|^-", name):
        return
    if not ("/" in name or _FILE.fullmatch(name)) or name in FOREIGN_FILES:
        return
    if re.fullmatch(rf"(?:{'|'.join(SECTIONS)})\.\w+", name) and not _FILE.fullmatch(name):
        return
    places = (ROOT, page.parent, ROOT / "housing_cli", WRITTEN)
    if any((place / name).exists() for place in places):
        return
    if "/" not in name and name in _file_names():
        return
    last = name.rpartition("/")[2]
    if last in TRANSIENT and f'"{last}"' in _source_of_files():
        return
    yield f"file `{words}` does not exist"


def route(path: str) -> Iterator[str]:
    """Yield whether the API has no such route."""
    if (path.rstrip("/") or "/") not in _routes():
        yield f"the API has no route `{path}`"


def modules(text: str) -> Iterator[str]:
    """Yield the dotted names of ours that are no module, or nothing in one."""
    for name in _MODULE.findall(text):
        parts = name.split(".")
        if not (
            ROOT.joinpath(*parts).is_dir() or ROOT.joinpath(*parts).with_suffix(".py").exists()
        ):
            parent = ROOT.joinpath(*parts[:-1])
            source = parent.with_suffix(".py")
            source = source if source.exists() else parent / "__init__.py"
            if not source.exists() or not re.search(rf"\b{parts[-1]}\b", source.read_text()):
                yield f"`{name}` is no module"


def _set(text: str) -> Iterator[str]:
    try:
        load_settings(ROOT / "configs" / "housing.toml", sets=[text], environ={})
    except HousingError as error:
        yield f"`--set {text}`: {error.message}"


@cache
def _app() -> Any:
    import typer.main

    from housing_cli.cli import app

    return typer.main.get_command(app)


def _options(command: Any) -> dict[str, Any]:
    found = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts)}
    return found | dict.fromkeys(("--help", "-h"), _Flag)


class _Flag:
    is_flag = True


@cache
def _all_options() -> frozenset[str]:
    def walk(command: Any) -> Iterator[str]:
        yield from (name for name in _options(command) if name.startswith("-"))
        for child in getattr(command, "commands", {}).values():
            yield from walk(child)

    return frozenset(walk(_app()))


@cache
def _variables() -> frozenset[str]:
    names = {
        f"HOUSING_{section}_{key}".upper()
        for section, struct in SECTIONS.items()
        for key in struct.__struct_fields__
    }
    configured = [p.read_text() for p in (ROOT / "configs").rglob("*") if p.suffix == ".yaml"]
    return frozenset({*names, "HOUSING_CONFIG", *_VARIABLE.findall("\n".join(configured))})


@cache
def _file_names() -> frozenset[str]:
    folders = ("housing_cli", "configs", "tests", "docs", "data", "notebook", ".ci", ".github")
    return frozenset(p.name for folder in folders for p in (ROOT / folder).rglob("*.*"))


@cache
def _source_of_files() -> str:
    package = ROOT / "housing_cli"
    rooms = (package / "registry", package / "prediction_log" / "csv")
    sources = [package / "files.py", *(file for room in rooms for file in room.glob("*.py"))]
    return "".join(source.read_text() for source in sources)


@cache
def _routes() -> frozenset[str]:
    from housing_cli.api.app import create_app
    from housing_cli.config import Settings

    app = create_app(Settings())
    pages = {"/", "/docs", str(app.openapi_url)}  # for people: no part of the API's description
    return frozenset({*app.openapi()["paths"], *pages})
