"""The app on a sandbox of the test's own, and a session of it as AppTest shows it."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import pytest
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from lib import parts
from lib.avara.client import AvaraClient
from lib.errors import ExpressOpsError
from lib.plans.evidence import Picked, Way
from lib.runs.worker import Worker
from lib.sandbox.server import SandboxServer
from lib.ui import resources as wiring
from lib.ui.startup import Startup

ROOT = Path(__file__).parents[2]
KEY = "key-of-the-page-tests-7d1f"
#: Seconds; long, because it is only spent where a test fails or the machine is busy.
PATIENCE = 90.0

#: Elements whose value a person reads, and those with a label.
_VALUES = (
    *("title", "header", "subheader", "markdown", "caption", "code", "text"),
    *("error", "warning", "info", "success", "toast"),
)
_WIDGETS = ("text_input", "button_group", "selectbox", "multiselect", "number_input", "date_input", "toggle", "pagination")
_LABELS = ("button", "metric", "expander", "text_input", "download_button", "pills", "page_link", "badge", "popover", "dialog")


class Session:
    """One person's session of the app. Methods run the script and return the session, so that they can follow one another."""

    def __init__(self) -> None:
        self.at = AppTest.from_file(str(ROOT / "lib" / "ui" / "shell.py"), default_timeout=PATIENCE)
        self.at._bidi_component_manager = _components()
        for part in ("more_filters", "view_options", "export", "report"):  # drawn only where they are open
            self.at.session_state[part] = True
        #: What was done in each table, by the label it was asked for by.
        self.acts: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def run(self) -> Self:
        self.at.run()
        return self

    def go(self, page: str, /, **query: str) -> Self:
        """Open a page with exactly these URL parameters."""
        self.at.switch_page(str(ROOT / "pages" / f"{page}.py"))
        self.at.query_params.clear()
        self.at.query_params.update(query)
        return self.run()

    def until(self, condition: Callable[[Session], object]) -> Self:
        """Run again and again until `condition` holds, as the page's polling fragments do in a browser."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self):
            if time.monotonic() > deadline:
                raise AssertionError(f"It never came to that. The page says: {self.words}")
            self.run()
        return self

    def press(self, key: str) -> Self:
        """Press the button of that key, also where its key says besides which run it is about."""
        next(button for button in self.at.button if _is_of(button.key, key)).click()
        return self.run()

    def widget(self, name: str) -> Any:
        """The widget of that name, however often it was drawn anew (lib/ui/widgets/anew.py)."""
        named = re.compile(rf"{re.escape(name)}(-\d+)?")
        kinds = (self.at.get(kind) for kind in _WIDGETS)
        return next(one for kind in kinds for one in kind if named.fullmatch(getattr(one, "key", None) or ""))

    def offers(self, key: str) -> bool:
        """Is there such a button, and can it be pressed?"""
        return any(_is_of(button.key, key) and not button.disabled for button in self.at.button)

    @property
    def words(self) -> str:
        """What stands on the page outside its tables, a line an element."""
        lines = [str(element.value) for kind in _VALUES for element in self.at.get(kind) if hasattr(element, "value")]
        lines += [str(value) for metric in self.at.metric for value in (metric.label, metric.value)]
        lines += [label for kind in _LABELS for element in self.at.get(kind) if (label := label_of(element))]
        lines += [progress.proto.text for progress in self.at.get("progress")]
        return "\n".join(lines)

    @property
    def plain(self) -> str:
        """The words as a person sees them, without what keeps data from being markup."""
        return self.words.replace("\\", "").replace("\u2060", "").replace("**", "")

    @property
    def everything(self) -> bytes:
        """Every byte that the page sends to the browser."""
        return b"\n".join(proto.SerializeToString() for node in self.at._tree if (proto := getattr(node, "proto", None)))

    @property
    def controls(self) -> dict[str, bytes]:
        """What the browser is told of each control, by its key."""
        found = (element for kind in _WIDGETS for element in self.at.get(kind))
        return {element.key: element.proto.SerializeToString(deterministic=True) for element in found}

    @property
    def picks(self) -> list[str]:
        return list(self.at.session_state["picks"]) if "picks" in self.at.session_state else []

    def pick(self, ids: Iterable[str]) -> Self:
        self.at.session_state["picks"] = dict.fromkeys(ids, Picked(Way.TICKED, "all customers"))
        return self.run()

    @property
    def table(self) -> dict[str, Any]:
        """What the first table of the page was given to draw: on Customers that of the customers."""
        return self._tables()[0][1]

    def table_of(self, label: str) -> dict[str, Any]:
        """What the table whose label begins so was given to draw."""
        return self._drawn(label)[1]

    def _drawn(self, label: str) -> tuple[str, dict[str, Any]]:
        return next((id_, table) for id_, table in self._tables() if table["label"].startswith(label))

    def _tables(self) -> list[tuple[str, dict[str, Any]]]:
        drawn = [(part.proto.id, json.loads(part.proto.json)) for part in self.at.get("bidi_component")]
        return [(id_, data) for id_, data in drawn if "label" in data]  # what is announced has none

    @property
    def rows(self) -> pd.DataFrame:
        """The customers on show: a column of texts for each of the table."""
        return self.rows_of("", "name")

    def rows_of(self, label: str, names: str = "label") -> pd.DataFrame:
        """The rows of the table whose label begins so: a column of texts for each of it, a changed one as "before → now"."""
        table = self.table_of(label)
        rows = [[cell if isinstance(cell, str) else " → ".join(map(str, cell)) for cell in row[1:]] for row in table["rows"]]
        return pd.DataFrame(rows, columns=[column[names] for column in table["columns"]], dtype="str")

    def act(self, kind: str, *rows: int, column: str = "", label: str = "") -> Self:
        """Tick (kind "pick"), untick ("unpick") or open rows of the table of that label, or click a header of it ("sort")."""
        table, acts = self.table_of(label), self.acts[label]
        ids = [table["rows"][row][0] for row in rows]
        acts.append({"number": len(acts) + 1, "kind": kind, "ids": ids, "column": column})
        return self.send_acts(acts[-1:], label)

    def send_acts(self, acts: list[dict[str, Any]], label: str = "") -> Self:
        """The browser's message: what was done in a table, as far as it does not know it to be heard."""
        said = [{"session": self.table_of(label)["session"], **act} for act in acts]
        return self.send(WidgetState(id=self._drawn(label)[0], json_value=json.dumps({"acts": said})))

    def type_to_confirm(self, text: str) -> Self:
        """Type into the field of the confirmation."""
        return self.send(WidgetState(id=self._drawn("Type ")[0], json_value=json.dumps({"typed": text})))

    def send(self, *more: WidgetState) -> Self:
        # AppTest has no way to click in a table: this is what its own run() does, with more widgets' states.
        states = self.at._tree.get_widget_states()
        states.widgets.extend(more)
        self.at._run(states)
        return self


class World:
    """A data folder, an environment and a sandbox. Use as a context manager: what the app opened is closed at the end."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        self.patch.setenv("EXPRESS_OPS_HOME", str(self.home))
        for name in ("AVARA_API_KEY", "AVARA_BASE_URL", "EXPRESS_OPS_DATABASE_URL"):
            self.patch.delenv(name, raising=False)
        # The product's own classes; only the pauses between attempts are left out.
        self.patch.setattr(parts, "AvaraClient", partial(AvaraClient, sleep=lambda _seconds: None))
        self.patch.setattr(parts, "Worker", partial(Worker, sleep=lambda _seconds: None, read_back_waits=(0.0,)))
        self._stack.callback(_close)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def sandbox(self, customers: int = 250, **options: Any) -> SandboxServer:
        """A sandbox that the app is connected to. Its data is as old as it would be today, whenever the test runs."""
        server = SandboxServer(customers=customers, api_key=KEY, anchor=datetime.now(UTC).date(), **options)
        self._stack.enter_context(server)
        self.connect(server.base_url)
        return server

    def connect(self, base_url: str, key: str = KEY) -> None:
        self.patch.setenv("AVARA_API_KEY", key)
        self.patch.setenv("AVARA_BASE_URL", base_url)

    def open(self, page: str = "customers", /, *, loaded: bool = True, **query: str) -> Session:
        """A new session on `page`; with `loaded` once all customers have come."""
        session = Session()
        if page == "customers":
            session.at.query_params.update(query)
        if loaded:
            session.until(lambda _: self.resources.loads.complete)
        session.run()
        return session if page == "customers" else session.go(page, **query)

    def restart(self) -> None:
        """Stop the app; the next session starts it again, with what its data folder holds."""
        _close()

    @property
    def resources(self) -> wiring.Resources:
        return wiring.get_resources()


@cache
def _components() -> BidiComponentManager:
    """Made once: each AppTest would look through all installed packages for components, which takes longer than a test."""
    manager = BidiComponentManager()
    manager.discover_and_register_components(start_file_watching=False)
    return manager


def _close() -> None:
    with suppress(ExpressOpsError):
        wiring.release()
    wiring._startup = Startup(wiring._made)  # as in a process of its own


def _is_of(found: str | None, key: str) -> bool:
    return found is not None and key in (found, found.partition("-run_")[0])


def records_of(server: SandboxServer) -> list[dict[str, Any]]:
    """The sandbox's customers as they are now, in the API's words."""
    store = server.sandbox.store
    return [store.read(position) for position in range(len(store))]


def label_of(element: object) -> str:
    """The words on a widget or block, empty where it has none."""
    proto = getattr(element, "proto", None)
    kind = getattr(element, "type", "")
    for holder in (proto, getattr(proto, kind, None)):
        for name in ("label", "title"):
            label = getattr(holder, name, "")
            if isinstance(label, str) and label:
                return label
    return ""
