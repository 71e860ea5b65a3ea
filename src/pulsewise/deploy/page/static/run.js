// A run: how its training goes, what came out, and the recipe that decides it.

import { get } from "./api.js";
import { $, busy, empty, fill, h, problem, say } from "./dom.js";
import { axes, extent, line, picture } from "./drawing.js";
import { day } from "./words.js";

const path = `/api/runs/${encodeURIComponent(location.pathname.split("/")[2])}`;
const into = $("run");
const progress = h("div", { "data-testid": "progress" });
let [shown, redraw, epochs] = [0, null, []];

fill(into, busy("Reading the run …"));
try {
  const run = await get(path);
  fill(
    into,
    run.headline ? h("p", { class: "lead" }, run.headline) : null,
    h("dl", { class: "plain" }, [["State", run.state], ["Model", run.model], ["Task", run.task], ["Begun", run.started && day(run.started)], ["Commit", run.commit], ["Fingerprint", run.fingerprint]].filter(([, v]) => v).map(([k, v]) => [h("dt", {}, k), h("dd", {}, String(v))])),
    run.report ? h("div", { class: "actions" }, h("a", { class: "button main", href: run.report }, "Report of this run")) : null,
    h("section", {}, h("h2", {}, "Training"), progress),
    run.recipe ? h("section", {}, h("h2", {}, "Recipe"), h("pre", { tabindex: "0" }, typeof run.recipe === "string" ? run.recipe : JSON.stringify(run.recipe, null, 2))) : null,
  );
  await follow();
} catch (error) {
  fill(into, problem(error));
}

async function follow() {
  let found;
  try {
    found = await get(`${path}/progress`);
  } catch (error) {
    fill(progress, problem(error));
    return;
  }
  epochs = found.epochs || found.rows || [];
  if (!epochs.length) fill(progress, empty("Nothing was trained step by step", "A model without epochs is fitted at once."));
  else {
    if (!redraw) {
      const loss = h("canvas", { role: "img", "aria-label": "Loss on training people by epoch" });
      const measure = h("canvas", { role: "img", "aria-label": "The figure on validation people by epoch" });
      fill(progress, h("p", { class: "note", id: "now", "aria-live": "polite" }), h("div", { class: "pictures" }, h("figure", {}, loss, h("figcaption", {}, h("b", {}, "Training people. "), "Loss by epoch.")), h("figure", {}, measure, h("figcaption", {}, h("b", {}, "Validation people. "), `${found.measure || "The figure"} by epoch; the dot marks the weights that are kept.`))));
      const [a, b] = [chart(loss, (e) => e.loss ?? e.train_loss, false), chart(measure, (e) => e.measure ?? e.validation ?? e.val, true)];
      redraw = () => (a(), b());
    }
    redraw();
    $("now").textContent = `${epochs.length} ${found.total ? `of ${found.total} ` : ""}epochs${found.running ? ", still training" : ""}.`;
    if (epochs.length > shown && shown) say(`epoch ${epochs.length}`);
    shown = epochs.length;
  }
  if (found.running) setTimeout(follow, 2000);
}

function chart(canvas, pick, best) {
  return picture(canvas, (made, ink) => {
    const xs = epochs.map((e, i) => e.epoch ?? i + 1);
    const ys = epochs.map(pick);
    const { px, py } = axes(made, ink, { x: [xs[0], xs[xs.length - 1] + (xs.length < 2)], y: extent(ys), xLabel: "epoch" });
    made.c.strokeStyle = best ? ink.control : ink.model;
    made.c.lineWidth = 2;
    line(made.c, xs, ys, px, py);
    const kept = epochs.findIndex((e) => e.best || e.kept);
    if (best && kept >= 0) {
      made.c.fillStyle = ink.control;
      made.c.beginPath();
      made.c.arc(px(xs[kept]), py(ys[kept]), 4.5, 0, 7);
      made.c.fill();
    }
  });
}
