// Tells screen readers the words of the page, and gives the focus back to what opened a dialog or another page, where the
// browser has lost it: Streamlit does so only for its own buttons, and not across pages. On a page that is new it goes to the title.
const opened = new Map(); // by page, where was clicked last on it, by mouse or key

const title = () => document.querySelector("h1");
const page = () => location.pathname + new URLSearchParams(location.search).get("run") + title()?.textContent;
let shown, marked;

// A part of a page is drawn anew each time; this finds it again by our own keys, and in a table by the id of its row.
function place(part) {
  const { host } = part.getRootNode();
  const key = (host ?? part).closest("[class*=st-key-]")?.className.match(/st-key-\S+/)[0];
  const row = part.closest("[data-id]")?.dataset.id;
  return () => {
    const keyed = key && document.querySelector(`.${CSS.escape(key)}`);
    const root = host ? [...(keyed?.querySelectorAll("*") ?? [])].find((inner) => inner.shadowRoot)?.shadowRoot : keyed;
    return root?.querySelector(`${row ? `[data-id="${CSS.escape(row)}"] ` : ""}${part.localName}`);
  };
}

function giveBack(isNew) {
  if (document.activeElement !== document.body || document.querySelector("[role=dialog]")) return;
  if (opened.has(page())) opened.get(page())()?.focus();
  else if (isNew && title()) {
    title().tabIndex = -1;
    title().focus({ preventScroll: true });
  }
}

// Streamlit's own field can be told that it is wrong only by rules of its own, which keep what is wrong from the server.
function mark([name, words] = []) {
  const field = name ? document.querySelector(`[class*="st-key-${name}"] input`) : marked;
  marked = name && field;
  if (!field) return;
  [field.ariaInvalid, field.ariaDescription] = name ? ["true", words] : ["false", null];
  if (name) field.focus();
}

// What opened below the fold: no further than it takes to see it, and never past its top. Not away from what is being typed.
function lead([key, name] = [], again) {
  const part = key && document.querySelector(`.st-key-${key}`);
  const { activeElement: at } = document;
  if (!part || at.matches("input, textarea") || document.querySelector("[role=dialog]") || (again && at !== part)) return;
  Object.assign(part, { role: "group", ariaLabel: name, tabIndex: -1 }).focus({ preventScroll: true });
  part.scrollIntoView({ block: part.offsetHeight < innerHeight / 2 ? "nearest" : "start" });
}

document.addEventListener("click", (event) => {
  const part = event.composedPath()[0].closest("a, button, input, summary");
  if (part && !event.composedPath().some(({ role }) => role === "dialog")) opened.set(page(), place(part));
}, true);
new MutationObserver(() => setTimeout(giveBack, 100, false)).observe(document.body, { childList: true }); // where dialogs hang

// Each stands in words beside its part. The shortcuts of Streamlit's buttons go off behind an open dialog too; these don't.
const SHORTCUTS = {
  "Ctrl+k": "[class*='st-key-search'] input",
  "Alt+PageDown": ".st-key-pager [aria-label='Next page']",
  "Alt+Enter": ".st-key-review button",
};

document.addEventListener("keydown", (event) => {
  const { key, altKey, ctrlKey, metaKey } = event;
  const part = document.querySelector(SHORTCUTS[`${ctrlKey || metaKey ? "Ctrl+" : ""}${altKey ? "Alt+" : ""}${key}`] ?? "none");
  if (!part || part.disabled || document.querySelector("[role=dialog]")) return;
  event.preventDefault();
  part.focus();
  if (part.localName === "button") part.click();
});

export default function ({ data, parentElement }) {
  document.documentElement.translate = false; // names and counts are nobody's to translate
  const region = parentElement.querySelector("[role=status]");
  setTimeout(() => region.textContent !== data.words && (region.textContent = data.words), 200); // told is only what changes
  const isNew = shown !== undefined && shown !== page();
  shown = page();
  for (const wait of [200, 600, 1500, 4000]) setTimeout(giveBack, wait, isNew); // a page may be drawn twice when one comes back
  setTimeout(mark, 200, data.wrong);
  for (const wait of [200, 600]) setTimeout(lead, wait, data.opened, wait > 200); // some of it comes a moment late
}
