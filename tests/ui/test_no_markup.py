"""Data is never markup: a look at the source of the pages for text that goes to Streamlit as Markdown.

Every f-string in an argument that Streamlit renders as Markdown (bodies, titles, labels, help) may hold only what cannot be
markup: literals, calls of the helpers of lib/ui/text.py, and the few expressions of OURS, each looked at by a person. Names
that are passed on are followed to where they are assigned in the same function. It is no proof (a value that comes as an
argument is not followed), but nobody can put a customer's name into a label by accident without this failing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "lib" / "ui").rglob("*.py"))]

#: Where whole sentences stand.
TOLD = {"info", "warning", "error", "success"}

#: What makes text safe: `md` escapes, the others make it from numbers and times alone.
SAFE_CALLS = {"md", "count", "number", "ago", "exact", "duration", "len"}

#: Streamlit's functions that read Markdown, and the arguments of theirs that do not. Tables and code never do.
MARKDOWN = {
    "badge", "button", "caption", "checkbox", "date_input", "dialog", "download_button", "error", "expander",
    "file_uploader", "header", "info", "link_button", "markdown", "metric", "multiselect", "number_input", "page_link",
    "pills", "popover", "progress", "radio", "segmented_control", "selectbox", "subheader", "success", "text_area",
    "text_input", "title", "toast", "toggle", "warning", "write",
}  # fmt: skip
NOT_MARKDOWN = {
    "alt", "args", "color", "data", "default", "disabled", "file_name", "format", "format_func", "icon", "index", "key",
    "kwargs", "max_value", "mime", "min_value", "on_change", "on_click", "on_dismiss", "options", "placeholder", "query_params",
    "step", "type", "value", "width",
}  # fmt: skip

#: (module, expression): words of our own, looked at by a person.
OURS = {
    ("shell", "APP_NAME"),
    ("address", "self._anew"),  # of the constructor's callers: "Show all customers"
    ("runs/report", "MOST"),
    ("evidence/what_if", "in_words(changes)"),  # counts and words of our own
    ("deactivate/confirm", "plan.action.value.capitalize()"),
    ("deactivate/confirm", "_CONSEQUENCE[plan.action].format(**words)"),
    ("deactivate/confirm", "kind"),  # of KINDS
    ("accounts/armed", "until"),  # a time
    ("deactivate/review", "subject.title"),  # an action and a count
    ("deactivate/review", "share"),  # a percentage of the settings
    ("deactivate/notes", "', '.join(found)"),  # of _KINDS
    ("runs/view", "run.action.value.capitalize()"),
    ("runs/listing", "label"),  # of RUN_BADGES
    ("runs/listing", "next_"),  # "resume" or "start"
    ("runs/listing", "run.action.value"),
    ("runs/approval", "plan.action.value"),
    ("runs/view", "what"),  # of the states named in the same function
    ("runs/history", "run.action.value.capitalize()"),
    ("deactivate/plan_file", "subject.title"),
    ("runs/history", "run.id"),
    ("accounts/other_keys", "where"),  # counts and words of the same function
    ("customers/pick_list", "_PREVIEW"),
    ("customers/pick_list", "words"),  # of _WORDS and _BY_HAND
}


def name(path: Path) -> str:
    """ "runs/view" of lib/ui/runs/view.py, "app" of app.py."""
    return path.relative_to(ROOT).with_suffix("").as_posix().removeprefix("lib/ui/")


def holes(node: ast.expr, function: ast.AST, depth: int = 0) -> Iterator[ast.expr]:
    """The expressions that an f-string or a sum of texts puts into the text; names are followed to their assignments."""
    match node:
        case ast.JoinedStr():
            for value in node.values:
                if isinstance(value, ast.FormattedValue) and not numeric(value):
                    yield value.value
        case ast.BinOp(op=ast.Add()):
            yield from holes(node.left, function, depth)
            yield from holes(node.right, function, depth)
        case ast.IfExp():
            yield from holes(node.body, function, depth)
            yield from holes(node.orelse, function, depth)
        case ast.Name() if depth < 3:
            for assigned in assigned_to(node.id, function):
                yield from holes(assigned, function, depth + 1)
        case ast.Attribute() | ast.Subscript():
            yield node


def numeric(value: ast.FormattedValue) -> bool:
    """Does its format take nothing but a number or a time?"""
    spec = ast.unparse(value.format_spec) if value.format_spec else ""
    return any(mark in spec for mark in (",", ".0f", ".1f", ".2f", "%Y"))


def safe(text: ast.expr, module: str, function: ast.AST, depth: int = 0) -> bool:
    """Is this a text that can't be markup from outside?"""

    def all_safe(parts: Iterable[ast.expr]) -> bool:
        found = list(parts)
        return bool(found) and depth < 5 and all(safe(part, module, function, depth + 1) for part in found)

    if isinstance(text, ast.Constant) or (module, ast.unparse(text)) in OURS:
        return True
    match text:
        case ast.JoinedStr():
            return all(safe(hole, module, function, depth + 1) for hole in holes(text, function))
        case ast.IfExp():
            return all_safe([text.body, text.orelse])
        case ast.BinOp(op=ast.Add()):
            return all_safe([text.left, text.right])
        case ast.Name():
            return all_safe(assigned_to(text.id, function))
        case ast.List() | ast.Tuple():
            return all_safe(text.elts)
        case ast.ListComp() | ast.GeneratorExp():
            return all_safe([text.elt])
        case ast.Call():
            name = text.func.attr if isinstance(text.func, ast.Attribute) else getattr(text.func, "id", "")
            return name in SAFE_CALLS or (name == "join" and all_safe(text.args))
    return False


def assigned_to(name: str, function: ast.AST) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def markdown_arguments(tree: ast.AST) -> Iterator[tuple[ast.Call, ast.expr]]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in MARKDOWN:
            if call.args and not isinstance(call.args[0], ast.Starred):
                yield call, call.args[0]
            for extra in call.args[1:2] if call.func.attr == "metric" else ():
                yield call, extra
            for keyword in call.keywords:
                if keyword.arg and keyword.arg not in NOT_MARKDOWN:
                    yield call, keyword.value


def offences(source: str, module: str) -> list[str]:
    """What goes to Streamlit as Markdown without being known to be safe: "line: expression"."""
    tree = ast.parse(source)
    found = {}
    functions = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]
    for function in functions:  # the innermost comes last and decides
        for call, argument in markdown_arguments(function):
            found[call.lineno, ast.unparse(argument)] = [
                ast.unparse(hole) for hole in holes(argument, function) if not safe(hole, module, function)
            ]
    return [f"{line}: {hole}" for (line, _), unsafe in sorted(found.items()) for hole in unsafe]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_data_goes_to_streamlit_as_markdown_unescaped(path: Path) -> None:
    assert offences(path.read_text(), name(path)) == []


@pytest.mark.parametrize(
    "line",
    [
        'st.markdown(f"**{record.name}**")',
        "st.title(record.name)",
        'st.button(f"Pick {name}", key="x")',
        'st.error(f"{error.message}")',
        "st.warning(error.message)",
        'st.metric("Users", record.name)',
        'label = f"Open {record.name}"; st.expander(label)',
        'st.caption("By " + run.operator)',
        'st.button("x", help=record.name)',
        'left.text_input(f"{key}", key="x")',
        "st.markdown(f\"{', '.join(names)}\")",
        'st.dialog(f"{plan.reason}?", width="medium")',
    ],
)
def test_the_look_finds_what_it_is_for(line: str) -> None:
    assert offences(f"def draw():\n    {line}", "page")


@pytest.mark.parametrize(
    "line",
    [
        "st.markdown(f\"**{md(record.name)}** · {count(3, 'user')}\")",
        "st.title(md(record.name))",
        'st.dataframe({"Name": [record.name]})',
        "st.code(record.id, language=None)",
        'st.success(f"{took * 1000:,.0f} ms")',
        'st.button("x", key=f"open-{record.id}")',
        'label = f"Open {md(record.name)}"; st.expander(label)',
    ],
)
def test_the_look_lets_pass_what_is_escaped_or_no_markdown(line: str) -> None:
    assert offences(f"def draw():\n    {line}", "page") == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_sentence_that_is_told_is_cut_at_the_length_of_a_label(path: Path) -> None:
    cut = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TOLD
        for said in node.args[:1]
        if isinstance(said, ast.Call) and ast.unparse(said.func) == "md" and len(said.args) + len(said.keywords) < 2
    ]
    assert cut == []


@pytest.mark.parametrize(("module", "expression"), sorted(OURS))
def test_no_exception_outlives_the_code_that_it_was_made_for(module: str, expression: str) -> None:
    source = next(path for path in SOURCES if name(path) == module).read_text()
    assert expression in ast.unparse(ast.parse(source))
