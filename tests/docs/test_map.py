"""Goal: the documentation says what is there. Method: hold what it names to the files, the rules and the commands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer

from domain.backtest_jobs import FAILURES
from domain.breaks import BREAKS
from domain.codes import CODES
from domain.events import TERMINAL
from execution.alpaca.codes import CODES as ALPACA_CODES
from execution.refusals import REFUSALS
from runtime.cli import app
from runtime.settings import Settings
from tests.docs.pages import DOCS, ROOT, blocks, is_ours, markdown, prose, quoted, table

MAP = DOCS / "README.md"
ADR = DOCS / "adr"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = set(PROJECT["tool"]["importlinter"]["root_packages"])
FOLDERS = {"tapeledger_client": "client"}
"""Of packages that do not stand at the root."""
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml|yaml|sql)")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_CODE = re.compile(r'"([A-Z]+(?:_[A-Z]+)+)"')


def test_every_folder_that_holds_python_stands_in_the_map() -> None:
    """A newcomer finds each folder of code in docs/README.md, and each folder there exists."""
    held = {
        f"{folder.name}/"
        for folder in ROOT.iterdir()
        if folder.is_dir() and is_ours(folder) and any(is_ours(path) for path in folder.rglob("*.py"))
    }
    listed = {row[0].strip("`") for row in table(MAP, "Folders")}

    assert held - listed == set()
    assert {name for name in listed if not (ROOT / name).is_dir()} == set()


def test_every_main_module_exists() -> None:
    """The map names no module that was moved or removed."""
    modules = [row[0].strip("`") for row in table(MAP, "Main modules")]

    assert modules
    assert [name for name in modules if not (ROOT / name).is_file()] == []


def test_every_page_stands_in_the_map() -> None:
    """Each page under docs is listed in docs/README.md, decisions by way of their own list."""
    listed = {(DOCS / target).resolve() for target in _LINK.findall(prose(MAP))}
    pages = {path for path in markdown() if DOCS in path.parents and path != MAP and path.parent != ADR}

    assert pages - listed == set()


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_the_map_says_what_import_linter_holds(package: str) -> None:
    """What the map lets a folder import is not forbidden, and what it does not name is."""
    (cell,) = [row[2] for row in table(MAP, "Folders") if row[0] == f"`{FOLDERS.get(package, package)}/`"]
    named = re.findall(r"[a-z_]+(?:\.[a-z_]+)*", cell)
    wholly = {name for name in named if name in PACKAGES}
    partly = {name.split(".")[0] for name in named if "." in name}
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (contract,) = [c for c in contracts if c.get("source_modules") == [package]]
    forbidden = set(contract["forbidden_modules"]) & PACKAGES

    assert wholly & forbidden == set()
    assert PACKAGES - {package} - wholly - partly - forbidden == set()


@pytest.mark.parametrize("path", markdown(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve(path: Path) -> None:
    """Every relative link of every page leads to a file."""
    targets = [target.split("#")[0] for target in _LINK.findall(prose(path)) if "://" not in target]

    assert [target for target in targets if target and not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", markdown(), ids=lambda path: str(path.relative_to(ROOT)))
def test_quoted_files_exist(path: Path) -> None:
    """A path of the repository that a page quotes exists; one that a run makes begins with a dot or an angle."""
    tops = {f"{entry.name}/" for entry in ROOT.iterdir() if entry.is_dir() and is_ours(entry)}
    paths = [text for text in quoted(path) if _PATH.fullmatch(text) and text.startswith(tuple(tops))]

    assert [name for name in paths if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", markdown(), ids=lambda path: str(path.relative_to(ROOT)))
def test_quoted_names_in_capitals_are_settings_codes_or_statuses(path: Path) -> None:
    """No page speaks of a setting, a rejection code, a problem's code or a kind of break that does not exist."""
    known = {name.upper() for name in Settings.model_fields} | CODES.keys() | TERMINAL | problem_codes()
    known |= FAILURES.keys() | {"MODEL_UNKNOWN"}  # of backtests; the other is the models' own
    known |= {"TAPELEDGER_API_KEY"}  # in the clients' environment
    known |= (
        BREAKS.keys() | REFUSALS.keys() | ALPACA_CODES.keys() | {"PENDING_NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"}
    )
    names = {text.split("=")[0] for text in quoted(path) if _CAPITALS.fullmatch(text.split("=")[0])}

    assert names - known == set()


def problem_codes() -> set[str]:
    """The codes that the source of HTTP services names."""
    folders = ("api", "runtime/http", "models/service")
    return {code for top in folders for path in (ROOT / top).rglob("*.py") for code in _CODE.findall(path.read_text())}


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    """Numbers run from 0001 on; the list has each page with its title."""
    found = sorted(path for path in ADR.glob("*.md") if path.name != "README.md")
    titles = [path.read_text().splitlines()[0].removeprefix("# ") for path in found]
    rows = [f"| [{path.name[:4]}]({path.name}) | {title[5:]} |" for path, title in zip(found, titles, strict=True)]

    assert [path.name[:4] for path in found] == [f"{number:04}" for number in range(1, len(found) + 1)]
    assert [title[:4] for title in titles] == [path.name[:4] for path in found]
    assert [line for line in (ADR / "README.md").read_text().splitlines() if line.startswith("| [")] == rows


@pytest.mark.parametrize("path", sorted(ADR.glob("0*.md")), ids=lambda path: path.stem)
def test_a_decision_has_context_decision_and_consequences(path: Path) -> None:
    """Each page says, in this order, why, what, and at what price; then what it does not do, and what covers it."""
    parts = re.findall(r"^\*\*(\w+)\.\*\*", path.read_text(), re.MULTILINE)

    assert parts[:3] == ["Context", "Decision", "Consequences"]
    assert parts[3:] in ([], ["Boundaries"], ["Verification"], ["Boundaries", "Verification"])


def test_every_dependency_has_its_reason() -> None:
    """Decision 0015 names each package of pyproject.toml; families by their first word."""
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[\[>=<]", line)[0].lower() for group in groups for line in group}
    words = {name.split("-")[0] if name.startswith(("opentelemetry-", "types-")) else name for name in names}
    text = (ADR / "0015-libraries.md").read_text().lower()

    assert {word for word in words if word not in text} == set()


def test_make_targets_exist() -> None:
    """Every `make …` of a page is a target of the Makefile."""
    text = "\n".join(path.read_text() for path in markdown())
    used = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {"demo", "test"} <= used
    assert used - targets == set()


def test_tape_commands_exist() -> None:
    """Every `tape …` of a page is a command."""
    text = "\n".join(blocks(path) + "\n".join(f"\n`{code}`" for code in quoted(path)) for path in markdown())
    used = set(re.findall(r"(?:\.venv/bin/|^`)tape ([a-z]+)", text, re.MULTILINE))
    commands = set(typer.main.get_group(app).commands)

    assert {"up", "down", "audit"} <= used
    assert used - commands == set()


def test_the_glossary_is_alphabetical() -> None:
    """A word is found where the alphabet puts it, and stands once."""
    terms = re.findall(r"^\*\*(.+?)\.\*\*", (DOCS / "glossary.md").read_text(), re.MULTILINE)

    assert len(terms) > 40
    assert terms == sorted(set(terms), key=str.casefold)


def test_the_licence_is_the_one_that_the_project_names() -> None:
    """LICENSE is the text of Apache-2.0, as pyproject.toml and the README say."""
    text = (ROOT / "LICENSE").read_text()

    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text
