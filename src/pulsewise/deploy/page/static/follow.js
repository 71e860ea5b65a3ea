// The streams that programs feed, as a list that stays as it is while it is read, and one of them as it comes.

import { get } from "./api.js";
import { empty, fill, h } from "./dom.js";
import { duration } from "./words.js";

const EVERY_MS = 2000;

/** Keep a list of the streams there are; `choose` gets the one whose button was pressed. */
export function streamList(into, choose, states) {
  const list = h("ul", { class: "list", "data-testid": "streams" });
  const lines = new Map();
  let followed = null;

  function line(one) {
    const about = h("small", {});
    const button = h("button", { type: "button", "data-testid": "follow", onclick: () => choose(lines.get(one.id).one) }, "Follow");
    lines.set(one.id, { one, about, button, item: h("li", {}, h("span", {}, h("b", {}, one.name), about), button) });
    list.append(lines.get(one.id).item);
  }

  function show(streams) {
    for (const [id, { item }] of lines) {
      if (streams.some((one) => one.id === id)) continue;
      item.remove();
      lines.delete(id);
    }
    for (const one of streams) {
      if (!lines.has(one.id)) line(one);
      const { about, button } = lines.get(one.id);
      const lost = one.dropped_samples ? `, ${duration(one.dropped_samples / one.rate_hz)} dropped` : "";
      about.textContent = `${one.channels.join(", ")} at ${Number(one.rate_hz.toPrecision(6))} Hz, ${one.model || "vital signs"}: ${states[one.state] || one.state}, ${duration(one.seconds)}${lost}`;
      button.textContent = followed === one.id ? "Stop" : "Follow";
      button.setAttribute("aria-label", `${followed === one.id ? "Stop following" : "Follow"} ${one.name}`);
    }
    if (streams.length && !list.isConnected) fill(into, list);
    if (!streams.length && (list.isConnected || !into.hasChildNodes())) fill(into, empty("Nothing is being sent", "A program that sends with a name appears here: see below."));
  }

  async function ask() {
    if (!document.hidden) {
      try {
        show((await get("/api/streams")).streams);
      } catch {
        // a server that does not answer is said by what was asked of it; the list stays as it was
      }
    }
    setTimeout(ask, EVERY_MS);
  }
  ask();
  return {
    count: () => lines.size,
    mark(id) {
      followed = id;
      show([...lines.values()].map(({ one }) => one));
    },
  };
}

/** Watch a stream: `points(channel, seconds, values)` of what it receives, `said` for every line. Gives the socket. */
export function watch(id, { points, said, closed }) {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/streams/${id}/watch`);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", (event) => {
    if (typeof event.data === "string") {
      said(JSON.parse(event.data));
      return;
    }
    const head = new DataView(event.data);
    const pairs = new Float32Array(event.data, 16);
    const start = head.getFloat64(0, true);
    const [xs, ys] = [[], []];
    for (let i = 0; i < pairs.length; i += 2) {
      xs.push(start + pairs[i]);
      ys.push(pairs[i + 1]);
    }
    points(head.getUint32(8, true), xs, ys);
  });
  socket.addEventListener("close", (event) => closed(event));
  return socket;
}
