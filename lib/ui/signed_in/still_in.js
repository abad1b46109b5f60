// Asks again and again through the proxy, which says then whether the person is still in: a websocket's headers are as old as the tab.
const EVERY = 10_000; // milliseconds; STANDS of proxy.py is several times that
let asked;

// In a worker: timers of a page in the background may stand still for a minute.
const ticks = new Worker(URL.createObjectURL(new Blob([`setInterval(() => postMessage(0), ${EVERY})`])));
ticks.onmessage = () => {
  const headers = { "X-Express-Ops-Tab": asked.session };
  fetch(asked.path, { method: "POST", headers, redirect: "error", cache: "no-store" }).catch(() => {}); // tells by not arriving
};

export default function ({ data }) {
  asked = data;
}
