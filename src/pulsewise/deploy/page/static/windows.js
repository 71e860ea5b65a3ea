// The windows a model sees, over their template, and those left out with the reason.

import { get } from "./api.js";
import { busy, empty, fill, h, problem, table } from "./dom.js";
import { axes, extent, line, picture } from "./drawing.js";
import { clock, count, duration, reason } from "./words.js";

/** Of the model that `chosen` gives; where another is chosen before the answer comes, it is not shown. */
export async function windowsAndTemplate(into, path, chosen) {
  const model = chosen();
  if (!model) {
    fill(into, empty("No model is chosen", "Windows are cut as a model was trained with them. Choose a model above the curves."));
    return;
  }
  fill(into, busy("Cutting windows …"));
  let found;
  try {
    found = await get(`${path}/windows?${new URLSearchParams({ model })}`);
  } catch (error) {
    if (chosen() === model) fill(into, problem(error));
    return;
  }
  if (chosen() !== model) return;
  const { samples, template, count: n, length, rate, dropped } = found;
  const left = new Map();
  for (const one of dropped) left.set(one.reason, (left.get(one.reason) || 0) + 1);
  const leftOut = left.size
    ? table([...left], [["Left out because", ([why]) => reason(why), "name"], ["Windows", ([, k]) => String(k)]], "", { label: "Windows left out" })
    : h("p", { class: "note" }, "No window was left out.");
  if (!n) {
    fill(into, empty("No window can be used", "Every window was left out; the reasons are below."), leftOut);
    return;
  }
  const canvas = h("canvas", { role: "img", "aria-label": `${samples.length} windows over their mean` });
  const times = Array.from({ length }, (_, i) => i / rate);
  fill(
    into,
    h("div", { class: "beside" },
      h("figure", {}, canvas, h("figcaption", {}, h("b", {}, `${count(n, "window")} of ${duration(length / rate)}. `), `Thin: ${samples.length < n ? `${samples.length} of them` : "all"}. Thick: their mean, the template.`)),
      h("div", {}, leftOut, similar(found)),
    ),
  );
  const flat = samples.map((w) => w[0]);
  const all = extent(flat.flat().concat(template[0]));
  picture(canvas, (made, ink) => {
    const { px, py } = axes(made, ink, { x: [0, length / rate], y: all, unit: "s", left: 40 });
    made.c.strokeStyle = ink.muted;
    made.c.globalAlpha = Math.max(0.06, Math.min(0.5, 8 / flat.length));
    made.c.lineWidth = 0.8;
    for (const w of flat) line(made.c, times, w, px, py);
    made.c.globalAlpha = 1;
    made.c.strokeStyle = ink.model;
    made.c.lineWidth = 2.5;
    line(made.c, times, template[0], px, py);
  });
}

/** The windows that look least like the others. */
function similar(found) {
  const rows = found.start_s.map((t, i) => ({ t, s: found.similarity[i] })).filter((r) => r.s !== null).sort((a, b) => a.s - b.s).slice(0, 5);
  const to = (t) => `?${new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(location.search)), t0: Math.max(0, t - 2), t1: t + found.length / found.rate + 2 })}#signal`;
  return table(rows, [["Least like the template, at", (r) => h("a", { href: to(r.t) }, clock(r.t, 10))], ["Cosine", (r) => r.s.toFixed(3).replace("-", "−")]], "", { label: "Windows unlike the template" });
}
