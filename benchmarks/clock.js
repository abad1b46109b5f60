// One clock for every answer of every page, ours and the peers'. It starts with the press of a key or a button; it ends when the
// server has told the end of a whole run, the page says that no script runs, and since then the browser has drawn a frame, come
// to rest, and drawn another. The runs of fragments, which poll by themselves, do not end it.
(() => {
  const DEADLINE = 120_000;
  const PRESSES = ["pointerdown", "keydown", "input"];
  // `opened` is when the first word of the first run came.
  const bench = (window.bench = { opened: null, ended: 0, answer: null });

  // ForwardMsg.script_finished is field 6, and 0 there is a whole run that came to its end.
  const endsRun = (data) => {
    const bytes = new Uint8Array(data);
    let at = 0;
    const varint = () => {
      let value = 0, factor = 1, byte;
      do {
        byte = bytes[at++];
        value += (byte & 127) * factor;
        factor *= 128;
      } while (byte & 128);
      return value;
    };
    while (at < bytes.length) {
      const tag = varint();
      const value = varint();
      if (tag === 6 << 3) return value === 0;
      if (tag % 8 === 2) at += value;
    }
    return false;
  };

  window.WebSocket = class extends WebSocket {
    constructor(...how) {
      super(...how);
      this.addEventListener("message", (message) => {
        bench.opened ??= performance.now();
        if (endsRun(message.data)) bench.ended += 1;
      });
    }
  };

  bench.frames = async (count) => {
    for (let frame = 0; frame < count; frame++) await new Promise(requestAnimationFrame);
  };

  // A run may be so short that the page is drawn once for its begin and its end, and never says that a script runs.
  bench.arm = () => {
    bench.answer = new Promise((resolve, reject) => {
      const app = document.querySelector("[data-testid=stApp]");
      const start = async () => {
        for (const press of PRESSES) window.removeEventListener(press, start, true);
        const began = performance.now();
        const before = bench.ended;
        const underWay = () => bench.ended === before || app.dataset.testScriptState !== "notRunning";
        do await bench.frames(1);
        while (underWay());
        await new Promise(requestIdleCallback);
        await bench.frames(1);
        resolve(performance.now() - began);
      };
      for (const press of PRESSES) window.addEventListener(press, start, true);
      setTimeout(() => reject(new Error("no answer came")), DEADLINE);
    });
    bench.answer.catch(() => {});
  };

  // As if typed and sent by Enter at once: what a page does by itself some time after the last key is not waited for, and no
  // timer of it can come between. React has taken the text when the next microtask runs.
  const send = (box) => {
    bench.arm();
    const named = { key: "Enter", code: "Enter", keyCode: 13, bubbles: true, cancelable: true };
    for (const kind of ["keydown", "keypress", "keyup"]) box.dispatchEvent(new KeyboardEvent(kind, named));
    return bench.answer;
  };
  bench.enter = async (box, text) => {
    box.focus();
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, text);
    box.dispatchEvent(new Event("input", { bubbles: true }));
    await null;
    return send(box);
  };
})();
