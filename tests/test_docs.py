"""What README.md and docs/ say of the project is so: each file, module, link and name in them is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from benchmarks.__main__ import PAGE, kept, renewed

ROOT = Path(__file__).parents[1]
README, ARCHITECTURE, GLOSSARY = ROOT / "README.md", ROOT / "docs" / "architecture.md", ROOT / "docs" / "glossary.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
#: As seen from the project's root. A bare `plan.json` or `settings.toml` is a user's, so it is none.
PATH = re.compile(r"[\w.-]+/[\w./-]*|[\w-]+\.(?:py|md|ipynb)")
MODULE = re.compile(r"(?<![\w./])lib(?:\.\w+)+")
LINK = re.compile(r"""\]\(([^)\s]+)\)|src="([^"]+)\"""")
NAME = re.compile(r"[A-Za-z]\w*(?:\.\w+)*")
#: In a drawing nothing marks a name but its form: `CustomerFrame`, `make_plan`.
DRAWN = re.compile(r"\b(?:[A-Z][a-z]+[A-Z]\w+|[a-z]+_\w+)\b")


def of_documents(documents: list[Path] = DOCUMENTS) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("document", documents, ids=lambda document: document.name)


def quoted(document: Path) -> set[str]:
    """What stands between backticks in its sentences and tables."""
    return set(re.findall(r"`([^`\n]+)`", FENCE.sub("", document.read_text())))


def paths(document: Path) -> set[str]:
    return {words for words in quoted(document) if PATH.fullmatch(words)}


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def names_of_the_code() -> frozenset[str]:
    """What it defines: modules, classes, functions, variables and fields; and the words that it knows, such as a state."""
    found = set()
    for source in [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "lib").rglob("*.py")]:
        found.add(source.stem)
        for node in ast.walk(ast.parse(source.read_text())):
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                    found.add(name)
                case ast.Constant(value=str(word)) if word.isidentifier():
                    found.add(word)
    return frozenset(found)


@of_documents()
def test_each_path_in_backticks_is_there(document: Path) -> None:
    missing = {path for path in paths(document) if not (ROOT / path).exists()}
    assert not missing


@of_documents()
def test_each_module_is_there(document: Path) -> None:
    named = {ROOT / module.replace(".", "/") for module in MODULE.findall(document.read_text())}
    missing = {place for place in named if not place.is_dir() and not place.with_suffix(".py").exists()}
    assert not missing


@of_documents()
def test_each_link_leads_somewhere(document: Path) -> None:
    for markdown, image in LINK.findall(FENCE.sub("", document.read_text())):
        link = markdown or image
        file, _, anchor = link.partition("#")
        if link.startswith("http"):
            continue
        target = document.parent / file if file else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@of_documents([ARCHITECTURE, GLOSSARY])
def test_each_name_is_one_of_the_code(document: Path) -> None:
    drawn = {name for fence in FENCE.findall(document.read_text()) for name in DRAWN.findall(fence)}
    named = {name for name in quoted(document) - paths(document) if NAME.fullmatch(name)}
    unknown = {name for name in drawn | named if not set(name.split(".")) <= names_of_the_code()}
    assert not unknown


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 120


def test_the_readmes_map_names_every_folder() -> None:
    folders = {f"lib/{folder.name}/" for folder in (ROOT / "lib").iterdir() if (folder / "__init__.py").exists()}
    assert folders | {"pages/", "notebooks/", "benchmarks/", "tests/", "docs/"} <= paths(README)


def test_the_figures_are_those_that_were_measured() -> None:
    page = PAGE.read_text()
    assert renewed(page, kept()) == page
