"""The rules of the house: which way imports go, where I/O lives, how long things are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "lib").rglob("*.py"))]

#: Layer → what it may import of ours. A layer may always import itself.
ALLOWED = {
    "lib.errors": (),
    "lib.logs": (),
    "lib.spreadsheet": (),
    "lib.charts": (),
    "lib.sandbox": (),
    "lib.avara": ("lib.errors",),
    "lib.files": ("lib.errors",),
    "lib.config": ("lib.errors", "lib.files", "lib.avara", "lib.accounts.meant"),
    "lib.customers": ("lib.errors", "lib.avara", "lib.spreadsheet", "lib.files"),
    "lib.spelling": (),
    # Who may do what: asked by the session and the worker, and copied by the journal.
    "lib.people": ("lib.errors", "lib.avara", "lib.accounts.proxies"),
    "lib.evidence": ("lib.errors", "lib.avara", "lib.spelling", "lib.spreadsheet", "lib.files", "lib.customers"),
    "lib.plans": ("lib.errors", "lib.people", "lib.avara", "lib.spelling", "lib.evidence.activity", "lib.evidence.judgement"),
    # A journal keeps plans, runs and steps; what carries them out, and what proves them, writes to it and reads from it.
    "lib.journal": ("lib.errors", "lib.people", "lib.avara", "lib.evidence", "lib.plans"),
    "lib.runs": (
        *("lib.errors", "lib.logs", "lib.people", "lib.avara", "lib.spreadsheet", "lib.evidence", "lib.plans", "lib.journal"),
    ),
    "lib.runs.__main__": ("lib.cli", "lib.config", "lib.logs"),
    "lib.receipts": (
        *("lib.errors", "lib.avara", "lib.spreadsheet", "lib.customers.workbook", "lib.evidence", "lib.plans", "lib.journal"),
        *("lib.charts", "lib.people"),
    ),
    # Which accounts there are, where their keys are, for whom one is armed, and the embedded sandbox where there is no key.
    "lib.accounts": ("lib.errors", "lib.files", "lib.spelling", "lib.avara", "lib.config", "lib.people", "lib.sandbox"),
    "lib.health": ("lib.errors", "lib.customers", "lib.journal"),
    "lib.traces": ("lib.customers", "lib.journal", "lib.plans", "lib.runs.owner"),
    # The parts that a session is made of, its verbs, and what a notebook has of it besides.
    "lib.parts": (
        *("lib.evidence",),
        *("lib.errors", "lib.config", "lib.avara", "lib.customers", "lib.plans", "lib.journal", "lib.runs"),
        *("lib.rehearsal", "lib.workspace", "lib.people", "lib.gate", "lib.accounts", "lib.health", "lib.traces"),
    ),
    # Asks for a session, by the settings as they are now, whether somebody may do what they ask for.
    "lib.gate": ("lib.errors", "lib.config", "lib.people", "lib.avara", "lib.accounts", "lib.plans"),
    # The verbs for a second person, between the parts of a session and its other verbs.
    "lib.approvals": (
        *("lib.errors", "lib.config", "lib.people", "lib.avara", "lib.spelling", "lib.plans", "lib.runs.webhook", "lib.parts"),
    ),
    "lib.session": (
        *("lib.evidence",),
        *("lib.errors", "lib.config", "lib.files", "lib.approvals", "lib.avara", "lib.customers", "lib.plans", "lib.journal"),
        *("lib.runs", "lib.receipts", "lib.notebook", "lib.people", "lib.gate"),
    ),
    "lib.notebook": (
        *("lib.evidence",),
        *("lib.errors", "lib.files", "lib.avara", "lib.customers", "lib.plans", "lib.journal", "lib.runs", "lib.receipts"),
        *("lib.charts", "lib.config", "lib.rehearsal", "lib.session", "lib.workspace"),
    ),
    # A plan carried out on a sandbox of its own.
    "lib.rehearsal": (
        *("lib.errors", "lib.avara", "lib.customers", "lib.evidence", "lib.plans", "lib.journal", "lib.runs", "lib.sandbox"),
        "lib.people",
        "lib.receipts.page",  # its report is a page of the same kind
    ),
    # Views, rule sets and drafts: kept in the journal, for the account of a session.
    "lib.workspace": ("lib.errors", "lib.files", "lib.people", "lib.evidence", "lib.journal", "lib.plans"),
    "lib.cli": (
        *("lib.errors", "lib.files", "lib.config", "lib.avara", "lib.customers", "lib.plans", "lib.journal", "lib.runs"),
        *("lib.evidence", "lib.receipts", "lib.rehearsal", "lib.session", "lib.accounts", "lib.people", "lib.gate"),
    ),
    "lib.ui": (
        *(
            "lib.errors",
            "lib.logs",
            "lib.config",
            "lib.files",
            "lib.charts",
            "lib.spreadsheet",
            "lib.spelling",
            "lib.avara",
            "lib.customers",
        ),
        *("lib.evidence", "lib.plans", "lib.journal", "lib.runs", "lib.receipts", "lib.rehearsal", "lib.session"),
        *("lib.people", "lib.gate", "lib.accounts"),
    ),
    "pages": ("lib.errors", "lib.customers", "lib.ui"),
    "app": ("lib.ui", "lib.errors", "lib.config", "lib.logs"),
}

#: (layer, what it may not import although it lies within a layer that it may).
FORBIDDEN = {("lib.runs", "lib.runs.__main__")}

#: Library → the only places that may import it.
CONFINED = {
    "streamlit": ("app", "pages", "lib.ui"),
    # A webhook goes to no API of customers: it has no key, waits for nobody and is never tried again.
    "httpx": ("lib.avara.http", "lib.avara.transport", "lib.runs.webhook"),
    "httpcore": (),
    "sqlalchemy": ("lib.journal",),
    "alembic": ("lib.journal.migrations",),
    "jinja2": ("lib.receipts", "lib.notebook"),
    "sqlite3": ("lib.sandbox",),
    "altair": ("lib.charts",),
    "vl_convert": ("lib.charts",),
    "tqdm": ("lib.notebook",),
    "keyring": ("lib.accounts.keys",),
    "joserfc": ("lib.ui.signed_in.tokens",),
    "uvicorn": ("lib.sandbox",),
    "python_calamine": ("lib.customers.lists",),
    "rapidfuzz": ("lib.customers.lists", "lib.evidence.likeness"),
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


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if within(module_of(path), ("pages", "app", "lib.ui"))], ids=module_of
)
def test_what_is_drawn_by_itself_and_what_is_taken_out_asks_whether_it_still_may(path: Path) -> None:
    """A dialog, a part that redraws itself and a file come without the page around them, which asks who is there."""
    if module_of(path) == "lib.ui.notices":
        return
    unasked = {
        f"{node.lineno}: {ast.unparse(node)}"
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"st.dialog", "st.fragment", "st.download_button"}
    }
    if module_of(path) in ("lib.ui.shell", "lib.ui.sign_in"):  # says that the app has not started, or waits for a proxy's word
        unasked = {place for place in unasked if not place.endswith("st.fragment")}
    assert not unasked


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


@pytest.mark.parametrize("path", [path for path in SOURCES if module_of(path) != "lib.avara.models"], ids=module_of)
def test_one_function_says_whether_two_ids_are_one_customers(path: Path) -> None:
    folded = {
        ast.unparse(node)
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute) and node.attr in {"lower", "upper", "casefold"}
        if re.search(r"(^|[._])(customer_)?id_?$", ast.unparse(node.value))
    }
    assert not folded, "that is what id_key is for"


@pytest.mark.parametrize("path", sorted((ROOT / "lib" / "ui").rglob("*.py")), ids=module_of)
def test_no_page_turns_data_into_html(path: Path) -> None:
    assert "unsafe_allow_html" not in path.read_text()


@pytest.mark.parametrize("folder", [".", "tests", "notebooks", "benchmarks"])
def test_pip_installs_what_is_named_and_only_files_of_known_hashes(folder: str) -> None:
    """Where one file has a hash, one without is an error of pip's own."""
    lines = (ROOT / folder / "requirements.txt").read_text().splitlines()
    assert "-r constraints.txt" in lines
    pins = "".join((ROOT / place / "constraints.txt").read_text() for place in {".", folder})
    for named in (line.partition("#")[0].strip() for line in lines if line[:1] not in ("#", "-", "")):
        pin = re.escape(re.sub(r"\[.*]", "", named)) + ("" if "==" in named else r"==[^ ]+")
        assert re.search(rf"^{pin}( ;[^\n]*)? \\\n    --hash=sha256:[0-9a-f]{{64}}\b", pins, re.MULTILINE), (
            f"{named}: make pins"
        )
