// A run: how its training goes, what came out, and the recipe that decides it.

import { get } from "./api.js";
import { $, busy, empty, fill, h, problem, say, sentence, table } from "./dom.js";
import { axes, extent, line, picture } from "./drawing.js";
import { count, day, duration, inOrder, name as quantity, stamp } from "./words.js";

const name = location.pathname.split("/")[2];
const path = `/api/runs/${name}`;
const into = $("run");
const progress = h("div", { "data-testid": "progress" });
const EVERY_MS = 2000;
let [folds, again, drawn, shown] = [[], [], "", 0];

fill(into, busy("Reading the run …"));
try {
  const one = await get(path);
  const stages = inOrder(one.stages).map((stage) => [stage, one.run.stages[stage]]);
  const facts = [["Seed", one.run.seed], ["Commit", one.run.commit?.replace(/^([0-9a-f]{12})[0-9a-f]*/, "$1")], ["Recipe", one.run.recipe], ["Data", one.run.data], ["Versions", Object.entries(one.run.versions || {}).map(([k, v]) => `${k} ${v}`).join(", ")]];
  fill(
    into,
    (one.result.stamps || []).map((text) => h("p", { class: "stamp" }, stamp(text))),
    one.headline ? h("p", { class: "lead" }, sentence(one.headline)) : null,
    stages.length > 0 && table(stages, [["Stage", ([stage]) => stage], ["What came of it", ([, s]) => s.found || "–", "text"], ["Took", ([, s]) => (typeof s.seconds === "number" ? duration(s.seconds) : "–"), "tight"], ["Ended", ([, s]) => day(s.ended || ""), "tight"]], "", { label: "Stages", class: "words wide" }),
    h("dl", { class: "plain" }, facts.filter(([, v]) => v !== undefined && v !== null && v !== "" && v !== "unknown").map(([k, v]) => [h("dt", {}, k), h("dd", {}, String(v))])),
    one.report ? h("div", { class: "actions" }, h("a", { class: "button main", href: `/runs/${name}/report`, "data-testid": "run-report" }, "Report of this run")) : null,
    h("section", {}, h("h2", {}, "Training"), progress),
    one.recipe ? h("section", {}, h("h2", {}, "Recipe"), h("details", {}, h("summary", {}, "Every number that decided the result"), h("pre", { tabindex: "0" }, one.recipe))) : null,
  );
  await follow();
} catch (error) {
  fill(into, problem(error));
}

/** Look again every two seconds until the training is done. */
async function follow() {
  let found;
  try {
    found = await get(`${path}/progress`);
  } catch (error) {
    fill(progress, problem(error));
    return;
  }
  folds = found.folds.filter((fold) => fold.history.length);
  if (!folds.length) fill(progress, found.done ? empty("Nothing was trained step by step", "A model without epochs is fitted at once.") : empty("Training has not begun", "This page looks again by itself."));
  else show();
  const epochs = folds.reduce((sum, fold) => sum + fold.history.length, 0);
  if (shown && epochs > shown) say(count(epochs, "epoch"));
  shown = epochs;
  if ($("now")) $("now").textContent = `${count(epochs, "epoch")} in ${count(folds.length, "fold")}${found.done ? "." : ", still training."}`;
  if (!found.done) setTimeout(follow, EVERY_MS);
}

/** What a column of the history holds: `val_mae_glucose` is the mean absolute error of glucose on people to validate with. */
function titled(key) {
  const sides = { train: "people trained on", val: "people to validate with", test: "people to test with" };
  const figures = { loss: "Loss", log_loss: "Log loss", mae: "Mean absolute error" };
  const found = /^(train|val|test)_(loss|log_loss|mae)(?:_(.+))?$/.exec(key);
  if (!found) return key.replaceAll("_", " ");
  const [, side, what, of] = found;
  return `${figures[what]}${of ? ` of ${quantity(of).toLowerCase()}` : ""}, ${sides[side]}`;
}

/** A chart per figure that the history holds, a line per fold. */
function show() {
  const columns = Object.keys(folds[0].history[0]).filter((key) => !["epoch", "seconds", "step", "lr"].includes(key) && folds.some((fold) => fold.history.some((row) => row[key] !== null)));
  if (columns.join() !== drawn) {
    drawn = columns.join();
    const charts = columns.map((key) => [key, h("canvas", { role: "img", "aria-label": `${key} by epoch` })]);
    fill(progress, h("p", { class: "note", id: "now", "aria-live": "polite" }), h("div", { class: "pictures" }, charts.map(([key, canvas]) => h("figure", {}, canvas, h("figcaption", {}, h("b", {}, `${titled(key)}. `), folds.length > 1 ? "A line per fold." : "By epoch.")))));
    again = charts.map(([key, canvas]) => chart(canvas, key));
  }
  for (const draw of again) draw();
}

function chart(canvas, key) {
  return picture(canvas, (made, ink) => {
    const longest = Math.max(...folds.map((fold) => fold.history.length));
    const y = extent(folds.flatMap((fold) => fold.history.map((row) => row[key])));
    const { px, py } = axes(made, ink, { x: [1, Math.max(2, longest)], y: y[0] === y[1] ? [y[0] - 1, y[1] + 1] : y, left: 58 });
    made.c.strokeStyle = /train/.test(key) || key === "loss" ? ink.model : ink.control;
    made.c.fillStyle = made.c.strokeStyle;
    made.c.lineWidth = 1.75;
    for (const fold of folds) {
      const xs = fold.history.map((row, i) => row.epoch ?? i + 1);
      const ys = fold.history.map((row) => row[key]);
      line(made.c, xs, ys, px, py);
      if (ys.length === 1 && ys[0] !== null) made.c.fillRect(px(xs[0]) - 2, py(ys[0]) - 2, 4, 4);
    }
  });
}
