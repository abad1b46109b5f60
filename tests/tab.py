"""A tab of a browser, without the browser: what Streamlit's page sends to its server over the websocket, and gets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection

#: Seconds; long, because it is only spent where a test fails or the machine is busy.
PATIENCE = 180.0


@dataclass(frozen=True)
class Drawn:
    """One element of the page: its kind ("button"), what was sent of it, the part that is drawn by itself, and by which run."""

    kind: str
    said: Any
    part: str
    run: int


@dataclass
class Tab:
    """One tab on its line. It knows what stands on the page, and like a browser it sends what its widgets say each time."""

    line: ClientConnection
    #: What follows the ? of its address.
    query: str = ""
    #: The id of the Streamlit session that a page was drawn for.
    session: str = ""
    #: Seconds from each message to the end of the run of the script that answers it.
    took: list[float] = field(default_factory=list)
    _runs: int = 0
    _page: dict[str, str] = field(default_factory=dict)
    _elements: dict[tuple[int, ...], Drawn] = field(default_factory=dict)
    _widgets: dict[str, WidgetState] = field(default_factory=dict)
    _acts: dict[str, int] = field(default_factory=dict)
    #: By the part of the page that is drawn anew by itself: how often, in seconds, and when next.
    _timers: dict[str, tuple[float, float]] = field(default_factory=dict)

    def send(self, message: BackMsg) -> None:
        self.line.send(message.SerializeToString())

    def open(self, page: str = "", query: str = "") -> bytes:
        """Go to a page by its address, and have it drawn; every byte of it."""
        again, self._page, self.query = bool(self._page), {"page_name": page}, query
        return self._ask(history=again)

    # --- what a person does

    def click(self, key: str) -> bytes:
        """Click the button of that key."""
        found = self.find(key)
        assert not found.said.disabled, f"{found.said.label} can't be clicked"
        return self._ask(WidgetState(id=found.said.id, trigger_value=True), part=found.part)

    def write(self, label: str, text: str) -> bytes:
        """Type into the field of that label."""
        found = self._only(lambda one: one.kind in ("text_input", "text_area") and one.said.label == label, label)
        return self._keep(WidgetState(id=found.said.id, string_value=text), found.part)

    def confirm(self, text: str) -> bytes:
        """Type into the field of a confirmation."""
        found = self._only(lambda one: _component(one) == "typed", "the field of a confirmation")
        return self._keep(WidgetState(id=found.said.id, json_value=json.dumps({"typed": text})), found.part)

    def act(self, label: str, kind: str, *ids: str) -> bytes:
        """Pick, unpick or open rows of the table of that label, as its own script says it."""
        found = next(self._tables(label), None)
        assert found is not None, f"no table {label} on the page: {self.text}"
        number = self._acts[found.said.id] = max(self._acts.get(found.said.id, 0), _data(found)["heard"]) + 1
        acts = [{"number": number, "session": _data(found)["session"], "kind": kind, "ids": ids}]
        return self._keep(WidgetState(id=found.said.id, json_value=json.dumps({"acts": acts})), found.part)

    def look(self, seconds: float) -> None:
        """Let so much time pass; what is drawn anew by itself meanwhile is."""
        until = time.monotonic() + seconds
        while True:
            part, (_, due) = min(self._timers.items(), key=lambda timer: timer[1][1], default=("", (0.0, until)))
            if due >= until:
                break
            self._wait(due)
            if self._timers.get(part, (0.0, 0.0))[1] == due:
                self._ask(part=part, by_itself=True)
        self._wait(until)

    def let_pass(self) -> None:
        """What is drawn anew by itself is, once, without the time that passes until then."""
        for part in list(self._timers):
            if part in self._timers:
                self._ask(part=part, by_itself=True)

    # --- what stands there

    def has(self, key: str) -> bool:
        """Whether a button of that key stands there and can be clicked."""
        return any(not one.said.disabled for one in self._with(key))

    def find(self, key: str) -> Drawn:
        found = next(self._with(key), None)
        assert found is not None, f"no {key} on the page: {self.text}"
        return found

    def rows(self, label: str) -> list[dict[str, str]]:
        """The rows of the table of that label, by the columns' labels, each with its id under ""; none without a table."""
        found = next(self._tables(label), None)
        if found is None:
            return []
        data = _data(found)
        columns = [column["label"] for column in data["columns"]]
        return [{"": row[0], **dict(zip(columns, row[1:], strict=True))} for row in data["rows"]]

    @property
    def title(self) -> str:
        return " ".join(one.said.body for one in self._elements.values() if one.kind == "heading")

    @property
    def text(self) -> str:
        """All words of the page, a line each."""
        return "\n".join(filter(None, (_words(one) for _, one in sorted(self._elements.items()))))

    # --- the line

    def drawn(self, part: str = "") -> bytes:
        """What comes until a run of the script has ended, by itself and not to run once more; with `part` one of that part."""
        came = []
        ends = {ForwardMsg.FINISHED_SUCCESSFULLY} | ({ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY} if part else set())
        while True:
            raw = self.line.recv(timeout=PATIENCE)
            assert isinstance(raw, bytes)
            came.append(raw)
            message = ForwardMsg.FromString(raw)
            self._take(message)
            if message.WhichOneof("type") == "script_finished" and message.script_finished in ends:
                self._forget_stale(message)
                return b"".join(came)

    def _keep(self, state: WidgetState, part: str) -> bytes:
        self._widgets[state.id] = state
        return self._ask(part=part)

    def _ask(
        self, trigger: WidgetState | None = None, *, part: str = "", by_itself: bool = False, history: bool = False
    ) -> bytes:
        message, began = BackMsg(), time.monotonic()
        asked = message.rerun_script
        asked.query_string, asked.fragment_id, asked.is_auto_rerun = self.query, part, by_itself
        asked.is_history_navigation = history
        for name, value in self._page.items():
            setattr(asked, name, value)
        asked.widget_states.widgets.extend([*self._widgets.values(), *([trigger] if trigger else [])])
        self.send(message)
        came = self.drawn(part)
        self.took.append(time.monotonic() - began)
        if part in self._timers:
            every, _ = self._timers[part]
            self._timers[part] = every, time.monotonic() + every
        return came

    def _wait(self, until: float) -> None:
        """Until that moment; nothing should come meanwhile, but a line that is gone is noticed."""
        while (left := until - time.monotonic()) > 0:
            try:
                raw = self.line.recv(timeout=left)
            except TimeoutError:
                return
            assert isinstance(raw, bytes)
            self._take(ForwardMsg.FromString(raw))

    def _take(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "new_session":
                self._runs += 1
                self.session = message.new_session.initialize.session_id or self.session
                if not message.metadata.run.fragment_ids:
                    self._timers.clear()
            case "navigation":  # a new session does not know its pages before
                self._page = {"page_script_hash": message.navigation.page_script_hash}
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "auto_rerun":
                timer = message.auto_rerun
                self._timers[timer.fragment_id] = timer.interval, time.monotonic() + timer.interval
            case "stop_auto_rerun":
                for part in message.stop_auto_rerun.fragment_ids:
                    self._timers.pop(part, None)
            case "delta":
                self._draw(message)

    def _draw(self, message: ForwardMsg) -> None:
        path, delta = tuple(message.metadata.delta_path), message.delta
        whole: Message = delta.new_element if delta.HasField("new_element") else delta.add_block
        kind = whole.WhichOneof("type")
        if kind is None or delta.HasField("new_transient"):
            self._elements.pop(path, None)  # an empty place, or what is shown for a moment
            return
        self._elements[path] = Drawn(kind, getattr(whole, kind), delta.fragment_id, self._runs)

    def _forget_stale(self, end: ForwardMsg) -> None:
        """What this run has not drawn anew stands there no more; of a run of parts, only what belongs to them."""
        parts = set(end.metadata.run.fragment_ids)
        for path, one in list(self._elements.items()):
            if one.run < self._runs and (not parts or one.part in parts):
                del self._elements[path]
        if not parts:
            there = {getattr(one.said, "id", "") for one in self._elements.values()}
            self._widgets = {id_: state for id_, state in self._widgets.items() if id_ in there}

    def _with(self, key: str) -> Iterator[Drawn]:
        """Also where the key says besides which run the button is about."""
        of = re.compile(rf"-{re.escape(key)}(-run_\w+)?$")
        return (one for one in self._elements.values() if one.kind == "button" and of.search(one.said.id))

    def _tables(self, label: str) -> Iterator[Drawn]:
        every = (one for one in self._elements.values() if _component(one) == "id_table")
        return (one for one in every if _data(one)["label"].startswith(label))

    def _only(self, wanted: Any, name: str) -> Drawn:
        found = [one for one in self._elements.values() if wanted(one)]
        assert found, f"no {name} on the page: {self.text}"
        return found[-1]


def _component(one: Drawn) -> str:
    return one.said.component_name if one.kind == "bidi_component" else ""


def _data(one: Drawn) -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(one.said.json)
    return data


def _words(one: Drawn) -> str:
    if one.kind == "html":  # a style sheet
        return ""
    return next((words for name in ("body", "label", "title", "text") if (words := getattr(one.said, name, ""))), "")
