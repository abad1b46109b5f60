// A table that names its rows by their ids. What a person does in it goes to the server as numbered acts; the server says up to
// which number it has heard. Until then a tick is shown as it was made, and each message brings all acts not heard yet: none is
// lost and none is done twice when clicks follow one another faster than the server answers.
const tables = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const table = tables.get(parentElement) ?? new Table(parentElement);
  tables.set(parentElement, table);
  table.send = () => setStateValue("acts", table.unheard);
  table.draw(data);
}

const ROW_HEIGHT = 32, TICK_WIDTH = 34, OPEN_WIDTH = 66, LEAST_WIDTH = 48, SPARE = 8;

// Styled as a grid, the parts of a table would no longer be told as such to screen readers.
const ROLES = { tr: "row", th: "columnheader", td: "cell" };

// Data becomes text, never markup.
const make = (kind, className, text = "") =>
  Object.assign(document.createElement(kind), { className, textContent: text, role: ROLES[kind] ?? null });

const tickBox = (label) => {
  const box = make("label", "");
  box.append(Object.assign(make("input", ""), { type: "checkbox", ariaLabel: label }));
  return box;
};

const rowId = (part) => part.closest("tbody tr")?.dataset.id;

class Table {
  unheard = [];
  number = 0;
  top = 0;
  widths = {}; // of the columns that a person made wider or narrower

  constructor(root) {
    this.frame = root.querySelector(".frame");
    [this.table, this.head, this.body] = ["table", "thead tr", "tbody"].map((part) => root.querySelector(part));
    const { clicked: click, keyed: keydown, seized: pointerdown, pointedAt: mouseover, scrolled: scroll } = this;
    for (const [event, reaction] of Object.entries({ click, keydown, pointerdown, mouseover, scroll })) {
      this.frame.addEventListener(event, reaction.bind(this));
    }
  }

  draw(data) {
    const before = this.data ?? {};
    this.data = data;
    this.table.ariaLabel = data.label;
    if (data.session !== before.session) this.unheard = []; // another session never heard of them and never will
    this.unheard = this.unheard.filter(({ number }) => number > data.heard);
    this.number = Math.max(this.number, data.heard);
    this.drawHead(data.columns);
    if (data.view !== before.view) this.begin();
    this.table.ariaRowCount = data.rows.length + 1;
    while (this.body.rows.length > data.rows.length) this.body.lastChild.remove();
    while (this.body.rows.length < data.rows.length) this.body.append(make("tr", ""));
    this.drawRows();
  }

  // Other rows: from the top, and no range goes on from the row ticked before.
  begin() {
    if (this.top) this.frame.scrollTop = this.top = 0; // to ask the frame itself would have it laid out twice
    this.anchor = undefined;
  }

  // What is in sight or near; a row far off is empty: the browser would lay out and paint it each time.
  drawRows() {
    const first = Math.floor(this.top / ROW_HEIGHT) - SPARE;
    const last = first + Math.ceil(this.data.height / ROW_HEIGHT) + 2 * SPARE;
    Array.from(this.body.rows).forEach((row, at) => {
      if (first <= at && at <= last) this.drawRow(row, this.data.rows[at]);
      else if (row.dataset.id) this.clear(row);
    });
    this.drawTicks();
  }

  // Another sort keeps its header, and with it the focus.
  drawHead(columns) {
    const shape = JSON.stringify(columns.map(({ sorted, ...column }) => column));
    if (shape !== this.shape) this.newHead(columns);
    this.shape = shape;
    columns.forEach(({ sorted }, at) => (this.head.cells[at + 2].ariaSort = sorted || null));
  }

  newHead(columns) {
    this.body.replaceChildren();
    const all = tickBox("Pick all rows of this page");
    this.all = all.firstChild;
    const first = make("th", "tick");
    first.append(all);
    this.head.replaceChildren(first, make("th", "open", "Record"), ...columns.map((column) => this.newHeader(column)));
    this.setWidths();
  }

  setWidths() {
    const widths = [TICK_WIDTH, OPEN_WIDTH, ...this.data.columns.map(({ name, width }) => this.widths[name] ?? width)];
    this.table.style.setProperty("--columns", widths.map((width) => `${width}px`).join(" "));
  }

  newHeader({ name, label, help, kind }) {
    const header = Object.assign(make("th", kind), { scope: "col", title: help });
    header.dataset.column = name;
    header.append(make("button", "sort", label), make("span", "resize"));
    return header;
  }

  drawRow(row, [id, ...texts]) {
    if (row.dataset.id !== id) this.leave(row);
    if (!row.dataset.id) this.fill(row);
    row.dataset.id = id;
    if (row.ariaLabel !== texts[0]) {
      row.ariaLabel = texts[0];
      row.querySelector("input").ariaLabel = `Pick ${texts[0]}`;
      row.querySelector("button").ariaLabel = `Open ${texts[0]}`;
    }
    texts.forEach((text, at) => {
      const cell = row.cells[at + 2];
      if (cell.textContent !== text) cell.textContent = text;
    });
  }

  fill(row) {
    const cells = ["tick", "open", ...this.data.columns.map(({ kind }) => kind)].map((kind) => make("td", kind));
    cells[0].append(tickBox(""));
    cells[1].append(make("button", "", "Open"));
    row.ariaRowIndex = row.sectionRowIndex + 2;
    row.append(...cells);
  }

  clear(row) {
    this.leave(row);
    row.replaceChildren();
    delete row.dataset.id;
  }

  // A key must not hit the customer that comes instead of another.
  leave(row) {
    if (row.contains(row.getRootNode().activeElement)) this.frame.focus();
  }

  drawTicks() {
    const picked = new Set(this.data.picked);
    for (const { kind, ids } of this.unheard) {
      if (kind === "pick") ids.forEach((id) => picked.add(id));
      if (kind === "unpick") ids.forEach((id) => picked.delete(id));
    }
    for (const row of this.body.querySelectorAll("tr[data-id]")) {
      row.querySelector("input").checked = picked.has(row.dataset.id);
      row.classList.toggle("picked", picked.has(row.dataset.id));
    }
    const ids = this.ids(), count = ids.filter((id) => picked.has(id)).length;
    this.all.checked = count === ids.length;
    this.all.indeterminate = count > 0 && count < ids.length;
  }

  ids() {
    return this.data.rows.map(([id]) => id);
  }

  act(kind, what) {
    this.number += 1;
    this.unheard.push({ number: this.number, kind, ...what });
    this.drawTicks();
    this.send();
  }

  pressed({ target }) {
    this.aim = rowId(target);
  }

  clicked({ target, shiftKey }) {
    const id = rowId(target), aim = this.aim ?? id;
    this.aim = undefined;
    if (aim !== id) return this.drawTicks(); // another customer came under the pointer since the button went down
    const tick = (ids) => this.act(target.checked ? "pick" : "unpick", { ids });
    if (target === this.all) tick(this.ids());
    else if (target.matches("input")) tick(this.upTo(id, shiftKey));
    else if (target.matches("td button")) this.act("open", { ids: [id] });
    else if (target.matches("th button")) this.act("sort", { column: target.parentElement.dataset.column });
  }

  // With Shift all rows from the one ticked before.
  upTo(id, isRange) {
    const ids = this.ids(), at = ids.indexOf(id), from = isRange ? ids.indexOf(this.anchor) : -1;
    this.anchor = id;
    return at < 0 || from < 0 ? [id] : ids.slice(Math.min(from, at), Math.max(from, at) + 1);
  }

  keyed(event) {
    this.pressed(event);
    const way = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const cell = event.target.closest("tbody td");
    if (!way || !cell) return;
    event.preventDefault();
    cell.parentElement[way]?.cells[cell.cellIndex]?.querySelector("input, button")?.focus();
  }

  seized({ target, clientX, pointerId }) {
    this.pressed({ target });
    if (!target.matches(".resize")) return;
    const header = target.parentElement, began = header.offsetWidth;
    target.setPointerCapture(pointerId);
    target.onpointermove = (event) => {
      this.widths[header.dataset.column] = Math.max(LEAST_WIDTH, began + event.clientX - clientX);
      this.setWidths();
    };
    target.onlostpointercapture = () => (target.onpointermove = null);
  }

  scrolled() {
    this.top = this.frame.scrollTop;
    this.drawRows();
    this.frame.classList.toggle("aside", this.frame.scrollLeft > 0);
  }

  // What does not fit is told whole.
  pointedAt({ target }) {
    if (target.matches("tbody td")) target.title = target.scrollWidth > target.clientWidth ? target.textContent : "";
  }
}
