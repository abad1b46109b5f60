// A table that names its rows by their ids; id_table.py says what it can. What a person does in it goes to the server as numbered
// acts; the server says up to which number it has heard. Until then a tick is shown as it was made, and each message brings all
// acts not heard yet: none is lost and none is done twice when clicks follow one another faster than the server answers.
const tables = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const table = tables.get(parentElement) ?? new Table(parentElement);
  tables.set(parentElement, table);
  table.send = () => setStateValue("acts", table.unheard);
  table.draw(data);
}

const ROW_HEIGHT = 32, TICK_WIDTH = 34, LEAST_WIDTH = 48;
const GROWING = ["text", "long"];
// Styled as a grid, the parts of a table would no longer be told as such to screen readers.
const ROLES = { tr: "row", th: "columnheader", td: "gridcell" };

// Data becomes text, never markup.
const make = (kind, className = "", text = "") =>
  Object.assign(document.createElement(kind), { className, textContent: text, role: ROLES[kind] ?? null });
const silent = (text) => Object.assign(make("span", "", text), { ariaHidden: "true" });

const told = (value) => (value ?? "nothing") || "empty";

const tickBox = (label) => {
  const box = make("label");
  box.append(Object.assign(make("input"), { type: "checkbox", ariaLabel: label, tabIndex: -1 }));
  return box;
};

const rowId = (part) => part.closest("tbody tr")?.dataset.id;
// In which row's, or the header's, which cell a part is.
const place = (part) => {
  const cell = part?.closest("th, td");
  return cell && { id: rowId(cell), column: cell.cellIndex };
};
// What takes the focus in a cell: its box, button or link, or the cell itself.
const focusable = (cell) => cell.querySelector("input, button, a") ?? cell;

class Table {
  unheard = [];
  number = 0;
  widths = {}; // of the columns that a person made wider or narrower
  measured = new WeakSet(); // the parts of the page that leave the table its height

  constructor(root) {
    this.frame = root.querySelector(".frame");
    this.told = root.querySelector("[role=status]");
    [this.table, this.head, this.body] = ["table", "thead tr", "tbody"].map((part) => root.querySelector(part));
    const { clicked: click, keyed: keydown, seized: pointerdown, pointedAt: mouseover, focused: focusin, scrolled: scroll } = this;
    for (const [event, reaction] of Object.entries({ click, keydown, pointerdown, mouseover, focusin, scroll })) {
      this.frame.addEventListener(event, reaction.bind(this));
    }
    // A dialog's Tab passes over what stands in a shadow tree, but not over the element that holds it.
    const host = root.getRootNode().host;
    if (host?.closest("[role=dialog]")) [host.tabIndex, host.onfocus] = [0, () => this.focus() ?? this.stop.focus()];
    this.page = host?.closest("[data-testid=stMain]");
    this.sizes = new ResizeObserver(() => this.fit());
  }

  draw(data) {
    const before = this.data ?? {}, focus = this.focus();
    this.data = data;
    this.table.ariaLabel = data.label;
    this.table.ariaMultiSelectable = data.picked ? "true" : null;
    if (!data.above || !before.session) this.frame.style.maxHeight = data.height || `${(data.most + 1) * ROW_HEIGHT + 4}px`;
    this.fit();
    if (data.session !== before.session) this.unheard = []; // another session never heard of them and never will
    this.unheard = this.unheard.filter(({ number }) => number > data.heard);
    this.number = Math.max(this.number, data.heard);
    this.drawHead();
    if (data.view !== before.view) this.begin();
    while (this.body.rows.length > data.rows.length) this.body.lastChild.remove();
    while (this.body.rows.length < data.rows.length) this.body.append(this.newRow());
    data.rows.forEach((row, at) => this.drawRow(this.body.rows[at], row, data.addresses?.[at]));
    this.drawTicks();
    for (const row of this.body.rows) row.ariaCurrent = row.dataset.id === data.current ? "true" : null;
    if (data.current !== before.current && (before.current || this.opened)) this.showCurrent();
    this.opened &&= data.current === before.current;
    if (before.session && data.count !== before.count) this.told.textContent = `${data.count} ticked`;
    this.keepFocus(focus);
  }

  // Down to what stands at the bottom of the window, which has more lines in a narrow one, as has what is above the table.
  fit() {
    const bottom = this.data.above && document.querySelector(`.st-key-${this.data.above}`);
    if (!bottom) return;
    for (const part of this.page.children) {
      if (!this.measured.has(part)) this.sizes.observe(part); // once: it is told of at once, too
      this.measured.add(part);
    }
    const [end, begin] = [bottom, this.frame].map((part) => part.getBoundingClientRect().top);
    this.frame.style.maxHeight = `max(15rem, ${end - begin - this.page.scrollTop - ROW_HEIGHT}px)`;
  }

  // Other rows: from the top, and no range goes on from the row ticked before.
  begin() {
    this.frame.scrollTop = 0;
    this.anchor = undefined;
  }

  // Another sort keeps its header, and with it the focus.
  drawHead() {
    const { columns, picked, opens, addresses } = this.data;
    const shape = JSON.stringify([columns.map(({ sort, ...column }) => [column, !sort]), !picked, opens, !addresses]);
    if (shape !== this.shape) this.newHead();
    this.shape = shape;
    columns.forEach(({ sort }, at) => (this.head.cells[at + this.ticks].ariaSort = sort));
  }

  newHead() {
    this.body.replaceChildren();
    this.head.replaceChildren(...this.data.columns.map((column) => this.newHeader(column)));
    this.ticks = this.data.picked ? 1 : 0;
    if (this.ticks) {
      const first = make("th", "tick");
      first.append(tickBox(`${this.data.tick} all rows of this page`));
      this.head.prepend(first);
    }
    this.setWidths();
  }

  newHeader({ name, label, help, kind, sort }) {
    const header = Object.assign(make("th", kind, sort ? "" : label), { scope: "col", title: help, tabIndex: -1 });
    header.dataset.column = name;
    if (sort) {
      header.append(Object.assign(make("button", "", label), { tabIndex: -1 }));
      header.removeAttribute("tabindex");
    }
    header.append(make("span", "resize"));
    return header;
  }

  setWidths() {
    const columns = this.data.columns.filter(({ kind }) => kind !== "below"), spare = this.ticks ? TICK_WIDTH : 0;
    const widths = columns.map(({ name, width }) => this.widths[name] ?? width);
    const tracks = columns.map(({ name, kind }, at) =>
      GROWING.includes(kind) && !this.widths[name] ? `minmax(${widths[at]}px, ${widths[at]}fr)` : `${widths[at]}px`);
    this.table.style.setProperty("--columns", [...(spare ? [`${spare}px`] : []), ...tracks].join(" "));
    this.table.style.width = `max(100%, ${widths.reduce((sum, width) => sum + width, spare)}px)`;
    this.table.style.setProperty("--ticks", `${spare}px`);
    this.frame.style.scrollPaddingInlineStart = `min(50%, ${spare + widths[0]}px)`;
  }

  newRow() {
    const row = make("tr"), { columns, opens, addresses } = this.data;
    row.append(...columns.map(({ kind }) => Object.assign(make("td", kind), { tabIndex: -1 })));
    const first = row.cells[0];
    first.role = "rowheader";
    if (opens) {
      first.append(Object.assign(make(addresses ? "a" : "button"), { tabIndex: -1 }));
      first.removeAttribute("tabindex");
    }
    if (this.ticks) {
      const tick = make("td", "tick");
      tick.append(tickBox(""));
      row.prepend(tick);
    }
    row.firstChild.classList.add("first");
    return row;
  }

  drawRow(row, [id, ...values], address) {
    const shown = JSON.stringify([id, values, address]);
    if (row.shown === shown) return;
    row.shown = shown;
    row.dataset.id = id;
    row.ariaRowIndex = row.sectionRowIndex + 2;
    if (this.ticks) row.querySelector("input").ariaLabel = `${this.data.tick} ${[values[0]].flat().at(-1)}`;
    values.forEach((value, at) => {
      this.drawCell(row.cells[at + this.ticks], value, this.data.columns[at].kind);
    });
    if (address !== undefined) row.querySelector("a").href = address;
  }

  drawCell(cell, value, kind) {
    const into = cell.querySelector("a, button") ?? cell, [sign] = kind === "state" ? value.match(/^\W+/u) ?? [""] : [""];
    if (Array.isArray(value)) {
      const [before, now] = value;
      into.replaceChildren(make("span", "unseen", "changed: "), `${told(before)} → `, make("b", "", told(now)), silent(" ◀"));
    } else if (sign) into.replaceChildren(silent(sign), value.slice(sign.length));
    else into.textContent = value;
  }

  drawTicks() {
    if (!this.ticks) return;
    const picked = new Set(this.data.picked);
    for (const { kind, ids } of this.unheard) {
      if (kind === "pick") ids.forEach((id) => picked.add(id));
      if (kind === "unpick") ids.forEach((id) => picked.delete(id));
    }
    for (const row of this.body.rows) {
      row.querySelector("input").checked = picked.has(row.dataset.id);
      const isPicked = String(picked.has(row.dataset.id));
      if (row.ariaSelected !== isPicked) row.ariaSelected = isPicked;
    }
    const ids = this.ids(), count = ids.filter((id) => picked.has(id)).length, all = this.head.querySelector("input");
    all.checked = count === ids.length && count > 0;
    all.indeterminate = count > 0 && count < ids.length;
  }

  // What is told of another row than before comes in sight: not where it is the first, which nobody has asked for.
  showCurrent() {
    const part = document.querySelector(".st-key-record_head");
    if (part && part.getBoundingClientRect().top > innerHeight / 2) part.scrollIntoView({ block: "start" });
  }

  ids() {
    return this.data.rows.map(([id]) => id);
  }

  act(kind, what) {
    this.number += 1;
    this.opened = kind === "open";
    this.unheard.push({ number: this.number, session: this.data.session, kind, ...what });
    this.drawTicks();
    this.send();
  }

  // --- the mouse

  clicked(event) {
    const { target, shiftKey } = event, id = rowId(target), aim = this.aim ?? id;
    this.aim = undefined;
    if (target.closest("a") && (event.ctrlKey || event.metaKey || shiftKey)) return; // in another browser tab or window
    if (target.closest("a")) event.preventDefault();
    if (aim !== id) return this.drawTicks(); // another customer came under the pointer since the button went down
    if (target.matches("input")) this.tick(id, target.checked, shiftKey);
    else if (target.closest("td :is(button, a)")) this.act("open", { ids: [id] });
    else if (target.matches("th button")) this.act("sort", { column: target.parentElement.dataset.column });
  }

  // With Shift all rows from the one ticked before; without an id, in the header, all.
  tick(id, checked, isRange) {
    const ids = this.ids(), at = ids.indexOf(id), from = isRange ? ids.indexOf(this.anchor) : -1;
    this.anchor = id;
    const range = from < 0 ? [id] : ids.slice(Math.min(from, at), Math.max(from, at) + 1);
    this.act(checked ? "pick" : "unpick", { ids: id === undefined ? ids : range });
  }

  seized({ target, clientX, pointerId }) {
    this.aim = rowId(target);
    if (!target.matches(".resize")) return;
    const header = target.parentElement, began = header.offsetWidth;
    target.setPointerCapture(pointerId);
    target.onpointermove = (event) => {
      this.widths[header.dataset.column] = Math.max(LEAST_WIDTH, began + event.clientX - clientX);
      this.setWidths();
    };
    target.onlostpointercapture = () => (target.onpointermove = null);
  }

  // Each cell that stays in sight is a layer of its own, and 200 of them cost every drawing 0.1 s: only where they have to.
  scrolled() {
    this.frame.classList.toggle("aside", this.frame.scrollLeft !== 0);
  }

  // What does not fit is told whole.
  pointedAt({ target }) {
    const cell = target.closest("tbody td");
    if (cell) cell.title = cell.scrollWidth > cell.clientWidth ? cell.textContent : "";
  }

  // --- the keyboard

  keyed(event) {
    this.aim = undefined;
    const { key, shiftKey } = event, cell = event.target.closest("th, td");
    const to = cell ? this.moved(event, cell) : this.first();
    const id = rowId(event.target), box = cell?.parentElement.querySelector("input");
    if (!cell && !key.startsWith("Arrow")) return;
    if (to) focusable(to).focus();
    else if (id && key === " " && box) this.tick(id, !box.checked, shiftKey);
    else if (id && key === "Enter" && this.data.opens && !event.ctrlKey && !event.metaKey && !event.altKey) this.opener(cell.parentElement).click();
    else return;
    event.preventDefault();
  }

  // What it opens gives the focus back to what was clicked (announce.js).
  opener(row) {
    return row.querySelector("td :is(a, button)");
  }

  // The cell that a key leads to.
  moved({ key, ctrlKey }, cell) {
    const rows = [this.head, ...this.body.rows], row = rows.indexOf(cell.parentElement), column = cell.cellIndex;
    const last = this.head.cells.length - 1, page = Math.max(1, Math.floor(this.frame.clientHeight / ROW_HEIGHT) - 2);
    const place = {
      ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      PageDown: [row + page, column], PageUp: [Math.max(row - page, 1), column],
      Home: [ctrlKey ? 1 : row, 0], End: [ctrlKey ? rows.length - 1 : row, last],
    }[key];
    return place && rows[Math.max(0, Math.min(place[0], rows.length - 1))].cells[Math.max(0, Math.min(place[1], last))];
  }

  first() {
    return (this.body.rows[0] ?? this.head).cells[0];
  }

  focused({ target }) {
    if (target === this.frame) return;
    if (this.stop) this.stop.tabIndex = -1;
    this.stop = target;
    target.tabIndex = 0;
  }

  focus() {
    return place(this.frame.getRootNode().activeElement);
  }

  // It stays with its row. A key must not hit the customer that came instead of another.
  keepFocus(before) {
    if (!this.stop?.isConnected) {
      this.stop = focusable(this.first());
      this.stop.tabIndex = 0;
    }
    const now = this.focus();
    if (!before || (now?.id === before.id && now?.column === before.column)) return;
    const row = before.id === undefined ? this.head : Array.from(this.body.rows).find((row) => row.dataset.id === before.id);
    const cell = row?.cells[before.column];
    if (cell) focusable(cell).focus({ preventScroll: true });
    else this.frame.focus({ preventScroll: true });
  }
}
