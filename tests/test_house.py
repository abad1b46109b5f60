"""The rules of the house: which way imports go, where I/O lives, how long things are."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "lib").rglob("*.py"))]

#: Layer → what it may import of ours. A layer may always import itself.
ALLOWED = {
    "lib.errors": (),
    "lib.spreadsheet": (),
    "lib.charts": (),
    "lib.sandbox": (),
    "lib.avara": ("lib.errors",),
    "lib.files": ("lib.errors",),
    "lib.config": ("lib.errors", "lib.files", "lib.avara"),
    "lib.customers": ("lib.errors", "lib.avara", "lib.spreadsheet"),
    "lib.spelling": (),
    "lib.evidence": ("lib.errors", "lib.avara", "lib.spelling", "lib.customers"),
    "lib.plans": ("lib.errors", "lib.avara", "lib.spelling"),
    # A journal keeps plans, runs and steps; what carries them out, and what proves them, writes to it and reads from it.
    "lib.journal": ("lib.errors", "lib.avara", "lib.plans"),
    "lib.runs": ("lib.errors", "lib.avara", "lib.spreadsheet", "lib.plans", "lib.journal"),
    "lib.runs.__main__": ("lib.cli",),
    "lib.receipts": ("lib.errors", "lib.avara", "lib.spreadsheet", "lib.customers.workbook", "lib.plans", "lib.journal"),
    # The embedded sandbox, the parts that a session is made of, its verbs, and what a notebook has of it besides.
    "lib.embedded": ("lib.errors", "lib.config", "lib.sandbox"),
    "lib.parts": (
        *("lib.evidence",),
        *("lib.errors", "lib.config", "lib.embedded", "lib.avara", "lib.customers", "lib.plans", "lib.journal", "lib.runs"),
        "lib.workspace",
    ),
    "lib.session": (
        *("lib.evidence",),
        *("lib.errors", "lib.config", "lib.files", "lib.parts", "lib.avara", "lib.customers", "lib.plans", "lib.journal"),
        *("lib.runs", "lib.receipts", "lib.notebook"),
    ),
    "lib.notebook": (
        *("lib.evidence",),
        *("lib.errors", "lib.files", "lib.avara", "lib.customers", "lib.plans", "lib.journal", "lib.runs", "lib.receipts"),
        *("lib.charts", "lib.config", "lib.session"),
    ),
    # Views and drafts: kept in the journal, for the account of a session.
    "lib.workspace": ("lib.journal", "lib.plans"),
    "lib.cli": (
        *("lib.errors", "lib.files", "lib.config", "lib.avara", "lib.customers", "lib.plans", "lib.journal", "lib.runs"),
        *("lib.receipts", "lib.session"),
    ),
    "lib.ui": (
        *(
            "lib.errors",
            "lib.config",
            "lib.files",
            "lib.charts",
            "lib.spreadsheet",
            "lib.spelling",
            "lib.avara",
            "lib.customers",
        ),
        *("lib.plans", "lib.journal", "lib.runs", "lib.receipts", "lib.session"),
    ),
    "pages": ("lib.errors", "lib.customers", "lib.ui"),
    "app": ("lib.ui", "lib.errors"),
}

#: (layer, what it may not import although it lies within a layer that it may).
FORBIDDEN = {("lib.runs", "lib.runs.__main__")}

#: Library → the only places that may import it.
CONFINED = {
    "streamlit": ("app", "pages", "lib.ui"),
    "httpx": ("lib.avara.http", "lib.avara.transport"),
    "httpcore": (),
    "sqlalchemy": ("lib.journal",),
    "alembic": ("lib.journal.migrations",),
    "jinja2": ("lib.receipts", "lib.notebook"),
    "sqlite3": ("lib.sandbox",),
    "altair": ("lib.charts",),
    "vl_convert": ("lib.charts",),
    "tqdm": ("lib.notebook",),
    "uvicorn": ("lib.sandbox",),
    "python_calamine": ("lib.customers.lists",),
    "rapidfuzz": ("lib.customers.lists", "lib.evidence.facts"),
}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text())))


@cache
def imports_of(path: Path) -> set[str]:
    found = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(module: str, layers: tuple[str, ...]) -> bool:
    return any(module == layer or module.startswith(f"{layer}.") for layer in layers)


def layer_of(module: str) -> str:
    return next(layer for layer in sorted(ALLOWED, key=len, reverse=True) if within(module, (layer,)))


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_one_way(path: Path) -> None:
    module = module_of(path)
    if module == "lib":
        return
    layer = layer_of(module)
    ours = {name for name in imports_of(path) if within(name, ("lib", "pages", "app", "tests"))}
    wrong = {name for name in ours if not within(name, (layer, *ALLOWED[layer])) or (layer, layer_of(name)) in FORBIDDEN}
    assert not wrong, f"{module} may not import {wrong}"


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if within(module_of(path), ("pages", "app", "lib.ui", "lib.cli", "lib.notebook"))],
    ids=module_of,
)
def test_pages_commands_and_notebooks_call_the_session_and_nothing_below_it(path: Path) -> None:
    """They read from `reads`, `log` and `loads`, and change things by its verbs: who may do what can be asked in one place."""
    below = {
        f"{node.lineno}: {ast.unparse(node)}"
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute) and node.attr in {"journal", "client", "worker"}
        if not ast.unparse(node.value).endswith("settings")
    }
    if module_of(path) == "lib.ui.resources":  # the server's session opens its worker for good
        below = {place for place in below if not place.endswith("self.worker")}
    assert not below


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_libraries_stay_where_they_belong(path: Path) -> None:
    module = module_of(path)
    wrong = {
        name for name in imports_of(path) if name.split(".")[0] in CONFINED and not within(module, CONFINED[name.split(".")[0]])
    }
    assert not wrong, f"{module} may not import {wrong}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_modules_and_functions_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{node.name} is too long"


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES}), ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_stays_small_enough_to_know(folder: Path) -> None:
    files = [path for path in folder.iterdir() if path.suffix in {".py", ".js", ".css", ".html"}]
    assert sum(len(path.read_text().splitlines()) for path in files) <= 2_500


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=module_of)
def test_a_page_is_a_short_script_without_functions(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 60
    assert not [node for node in nodes_of(path) if isinstance(node, ast.FunctionDef | ast.ClassDef)]


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_only_the_settings_read_the_environment(path: Path) -> None:
    module = module_of(path)
    if module == "lib.config":
        return
    wrong = {name for name in imports_of(path) if name in {"os.environ", "os.getenv", "pydantic_settings.BaseSettings"}}
    assert not wrong
    assert "os.environ" not in path.read_text()
    assert "os.getenv" not in path.read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "lib" / "ui").rglob("*.py")), ids=module_of)
def test_no_page_turns_data_into_html(path: Path) -> None:
    assert "unsafe_allow_html" not in path.read_text()
