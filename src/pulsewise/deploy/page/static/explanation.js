// Where an answer comes from, over the signal; offered only where the server can compute it.

import { offered, post } from "./api.js";
import { busy, empty, fill, h, problem } from "./dom.js";
import { axes, extent, line, picture } from "./drawing.js";
import { amount } from "./units.js";
import { clock, name } from "./words.js";

export async function explanation(into, path, model, at) {
  if (!offered("/api/recordings/{recording}/explain")) {
    fill(into, empty("Not offered by this server", "An explanation needs torch and captum: pip install 'pulsewise[explain]'. Without them a model still answers."));
    return;
  }
  if (!model) {
    fill(into, empty("No model is chosen", "Choose a model above the curves; then one window’s answer can be traced over the signal."));
    return;
  }
  const out = h("div", {});
  const button = h("button", { type: "button", "data-testid": "explain" }, "Explain the window in view");
  button.addEventListener("click", async () => {
    fill(out, busy("Asking the model about every part of the window …"));
    try {
      show(out, await post(`${path}/explain?${new URLSearchParams({ model, start_s: at().toFixed(3) })}`));
    } catch (error) {
      fill(out, problem(error));
    }
  });
  fill(into, h("p", {}, "Which part of a window moves the answer, and whether that is about the model at all: the same computed with a model whose weights are random stands beside it."), h("div", { class: "actions" }, button), out);
}

function show(out, found) {
  const { samples, attribution, rate, start_s: start } = found;
  const canvas = h("canvas", { role: "img", "aria-label": "The window, shaded where it moves the answer" });
  const times = samples.map((_, i) => start + i / rate);
  fill(
    out,
    h("figure", {}, canvas, h("figcaption", {}, h("b", {}, `${name(found.quantity)} ${amount(found.value, found.unit)}, window at ${clock(start, 10)}. `), "Blue raises the answer, orange lowers it; the stronger, the more.")),
    found.checks ? h("dl", { class: "plain" }, Object.entries(found.checks).map(([key, value]) => [h("dt", {}, name(key)), h("dd", {}, String(value))])) : null,
  );
  const most = Math.max(...attribution.map(Math.abs)) || 1;
  picture(canvas, (made, ink) => {
    const { px, py } = axes(made, ink, { x: [times[0], times[times.length - 1]], y: extent(samples), xLabel: "s", left: 40 });
    const wide = Math.max(1, px(times[1]) - px(times[0]) + 0.5);
    attribution.forEach((a, i) => {
      made.c.globalAlpha = 0.5 * Math.abs(a / most);
      made.c.fillStyle = a > 0 ? ink.model : ink.control;
      made.c.fillRect(px(times[i]), 8, wide, made.h - 42);
    });
    made.c.globalAlpha = 1;
    made.c.strokeStyle = ink.ink;
    made.c.lineWidth = 1.25;
    line(made.c, times, samples, px, py);
  });
}
