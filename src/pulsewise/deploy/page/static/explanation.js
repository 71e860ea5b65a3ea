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
  const times = samples.map((_, i) => start + i / rate);
  const said = found.of_the_model ? "About the model. " : found.alike === null ? "Not shown to be about the model. " : "Not about the model. ";
  const check = found.check.replace(/: it is (not )?about the model\.$/, ".");
  const verdict = h("p", { class: found.of_the_model ? null : "stamp", "data-testid": "about-model" }, h("strong", {}, said), check);
  if (!attribution.length) {
    fill(out, empty("Nothing can be drawn of this model", ""), h("ul", {}, found.words.map((text) => h("li", {}, text))));
    return;
  }
  const canvas = h("canvas", { role: "img", "aria-label": "The window, shaded where it moves the answer" });
  const answer = found.value === null ? "No estimate" : `${name(found.quantity)} ${amount(found.value, found.unit)}`;
  fill(
    out,
    h("figure", { class: "explained", "data-testid": "explained" }, canvas, h("figcaption", {}, h("b", {}, `${answer}, window at ${clock(start, 10)}. `), attribution.some((a) => a) ? `${found.method}. Blue raises the answer, orange lowers it; the stronger, the more.` : `${found.method}. No part of it moves the answer.`)),
    verdict,
    h("details", {}, h("summary", {}, "In words, method by method"), h("ul", {}, found.words.map((text) => h("li", {}, text)))),
  );
  const most = Math.max(...attribution.map((a) => Math.abs(a ?? 0))) || 1;
  picture(canvas, (made, ink) => {
    const { px, py } = axes(made, ink, { x: [times[0], times[times.length - 1]], y: extent(samples), unit: "s", left: 46 });
    const wide = Math.max(1, px(times[1]) - px(times[0]) + 0.5);
    attribution.forEach((a, i) => {
      made.c.globalAlpha = 0.6 * Math.abs((a ?? 0) / most);
      made.c.fillStyle = a > 0 ? ink.model : ink.control;
      made.c.fillRect(px(times[i]), 8, wide, made.h - 32);
    });
    made.c.globalAlpha = 1;
    made.c.strokeStyle = ink.ink;
    made.c.lineWidth = 1.25;
    line(made.c, times, samples, px, py);
  });
}
