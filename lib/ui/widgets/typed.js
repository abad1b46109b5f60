// The field of a confirmation. Streamlit's own can tell what is wrong only about a text that it then keeps from the server, which
// would go on believing the one before. Enter confirms nothing: it goes on to the next button of the dialog.
const SOON = 200, AGAIN = 1000; // milliseconds

// Enter pressed once too often, or held down: the button that it led to must not take it for its own.
function onceMore(event, since) {
  if (event.key === "Enter" && (event.repeat || event.timeStamp - since < AGAIN)) event.preventDefault();
}

export default function ({ data, parentElement, setStateValue }) {
  const [input, label, told] = ["input", "label", "p"].map((part) => parentElement.querySelector(part));
  label.textContent = data.label;
  told.textContent = data.told;
  input.ariaInvalid = data.wrong;
  told.classList.toggle("wrong", data.wrong);
  // A dialog's Tab passes over what stands in a shadow tree, but not over the element that holds it.
  const host = parentElement.getRootNode().host;
  if (host) [host.tabIndex, host.onfocus] = [0, () => input.focus()];
  const send = () => setStateValue("typed", input.value);
  input.oninput = () => {
    clearTimeout(input.soon);
    input.soon = setTimeout(send, SOON);
  };
  if (!input.dataset.begun) {
    input.dataset.begun = true;
    if (input.value) input.oninput(); // typed before this script came
    else input.value = data.typed; // the dialog was put up again
  }
  input.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const field = parentElement.getRootNode().host ?? parentElement;
    const buttons = [...(field.closest("[role=dialog]")?.querySelectorAll("button:not(:disabled)") ?? [])];
    const next = buttons.find((one) => field.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
    if (!next) return;
    next.focus();
    next.onkeydown = (more) => onceMore(more, event.timeStamp);
    next.onblur = () => (next.onkeydown = next.onblur = null);
  };
}
