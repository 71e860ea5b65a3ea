// What came of a recording: vital signs, estimates with intervals, why there are none, references, report, files.

import { get, offered, post, put } from "./api.js";
import { downloads } from "./downloads.js";
import { $, busy, empty, fill, h, problem, say, sentence, table } from "./dom.js";
import { modelOptions, quantitiesOf, summariesIn } from "./estimates.js";
import { amount, figure, onUnits, range, shownUnit } from "./units.js";
import { summary } from "./vitals.js";
import { RHYTHMS, clock, count, name, reason, reasons } from "./words.js";

const id = location.pathname.split("/")[2];
const path = `/api/recordings/${encodeURIComponent(id)}`;
const asked = new URLSearchParams(location.search);
const UNITS = { glucose: "mg/dL", sbp: "mmHg", dbp: "mmHg", map: "mmHg", heart_rate: "bpm", respiratory_rate: "breaths/min", spo2: "%" };
const FIRST = 40;
const state = { one: null, channel: null, measured: null, model: asked.get("model") || "", predicted: null, references: [] };

async function open() {
  try {
    state.one = await get(path);
  } catch (error) {
    fill($("trouble"), problem(error), h("div", { class: "actions" }, h("a", { class: "button main", href: "/" }, "To the recordings")));
    $("name").textContent = "This recording is not here";
    return;
  }
  const { one } = state;
  document.title = `Result of ${one.name} · pulsewise`;
  $("name").textContent = one.name;
  $("back").href = `/recordings/${id}`;
  if (one.synthetic) fill($("stamps"), h("p", { class: "stamp" }, h("strong", {}, "Simulated. "), "Nobody was measured."));
  $("body").hidden = false;
  const pulsatile = one.channels.filter((c) => ["ppg", "ecg", "abp"].includes(c.kind));
  state.channel = pulsatile.find((c) => c.name === asked.get("channel")) || pulsatile[0] || null;
  fill($("channel"), pulsatile.length ? pulsatile.map((c) => h("option", { value: c.name, selected: c === state.channel }, c.name)) : h("option", { value: "" }, "none"));
  const known = await modelOptions($("model"), state.model);
  if (!known.includes(state.model)) state.model = known.length === 1 && !asked.has("model") ? known[0] : "";
  $("model").value = state.model;
  $("channel").addEventListener("change", () => {
    state.channel = pulsatile.find((c) => c.name === $("channel").value);
    measure();
  });
  $("model").addEventListener("change", () => {
    state.model = $("model").value;
    estimate();
  });
  onUnits(draw);
  $("ref-quantity").addEventListener("change", unit);
  await Promise.all([measure(), estimate(), known_references()]);
}

async function measure() {
  address();
  if (!state.channel || state.one.windows) {
    fill($("vitals"), empty("No vital signs", state.one.windows ? "The file holds ready-made windows; vital signs are measured of recordings." : "They are measured of a pulse wave, an ECG or an arterial pressure."));
    downloads($("downloads-body"), path, state);
    return;
  }
  fill($("vitals"), busy("Measuring …"));
  const { channel } = state;
  try {
    const found = await get(`${path}/measure?${new URLSearchParams({ channel: channel.name })}`);
    if (state.channel !== channel) return; // another was chosen meanwhile
    state.measured = found;
  } catch (error) {
    if (state.channel !== channel) return;
    state.measured = null;
    fill($("vitals"), problem(error));
  }
  draw();
}

async function estimate() {
  address();
  const { model } = state;
  state.predicted = null;
  if (model) {
    fill($("estimates-body"), busy("Asking the model …"));
    try {
      const found = await post(`${path}/predict?${new URLSearchParams({ model })}`);
      if (state.model !== model) return; // another was chosen meanwhile
      state.predicted = found;
    } catch (error) {
      if (state.model !== model) return;
      fill($("estimates-body"), problem(error));
      downloads($("downloads-body"), path, state);
      return;
    }
  }
  draw();
}

function address() {
  const query = new URLSearchParams();
  if (state.channel) query.set("channel", state.channel.name);
  query.set("model", state.model);
  history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
  $("back").href = `/recordings/${id}${state.model ? `?model=${encodeURIComponent(state.model)}` : ""}`;
}

function draw() {
  if (state.measured) fill($("vitals"), summary(state.measured), vitalsTable());
  unit();
  showReferences();
  downloads($("downloads-body"), path, state);
  const into = $("estimates-body");
  if (!state.model) {
    fill(into, empty("No model is chosen", $("model").options.length > 1 ? "Choose one above." : "Start the server with one: pulsewise serve runs/demo. Vital signs need none."));
    return;
  }
  if (!state.predicted) return;
  fill(into, summariesIn(state.predicted).map(quantity));
}

/** Every window of the vital signs. */
function vitalsTable() {
  const said = (given) => (!given ? "–" : given.abstained ? h("span", { class: "abstained" }, reasons(given.abstained)) : [figure(given.value, given.unit), h("small", {}, range(given.low, given.high, given.unit, given.unit === "bpm" ? 1 : 0))]);
  const rows = state.measured.windows;
  return h("details", {}, h("summary", {}, `All ${count(rows.length, "window")}`), table(rows.slice(0, 400), [
    ["From", (w) => link(w.start_s, w.end_s)],
    ["Heart rate, bpm", (w) => said(w.heart_rate)],
    ["Breathing, /min", (w) => said(w.respiratory_rate)],
    ["Rhythm", (w) => (w.rhythm?.abstained ? h("span", { class: "abstained" }, reasons(w.rhythm.abstained)) : RHYTHMS[w.rhythm?.value] || w.rhythm?.value || "–")],
    ["Quality", (w) => [w.quality === null ? "–" : w.quality.toFixed(2), w.quality_reasons?.length ? h("small", {}, reasons(w.quality_reasons)) : null]],
  ], rows.length > 400 ? `The first 400 of ${rows.length}; all are in the download.` : "", { label: "Vital signs by window" }));
}

const link = (a, b) => h("a", { href: `/recordings/${id}?${new URLSearchParams({ t0: Math.max(0, a - 2).toFixed(1), t1: (b + 2).toFixed(1), ...(state.model ? { model: state.model } : {}) })}` }, clock(a, 10));

/** A quantity: its mean with an interval, how often it was not said and why, and every window. */
function quantity(one) {
  const rows = quantitiesOf(state.predicted).find((q) => q.key === one.quantity)?.rows || [];
  const abstained = Object.entries(one.abstained || {}).sort((a, b) => b[1] - a[1]);
  const level = `${Math.round(100 * (one.level ?? 0.9))} %`;
  const to = shownUnit(one.unit);
  const fact = (label, value, more, none) => h("div", {}, h("dt", {}, label), h("dd", { class: none ? "none" : "" }, value, more ? h("small", {}, more) : null));
  return h(
    "section",
    { "data-testid": `quantity-${one.quantity}` },
    h("h3", {}, name(one.quantity)),
    h("dl", { class: "facts" }, [
      one.mean === null ? fact("Mean of the windows", h("span", { class: "abstained" }, "no estimate"), sentence(abstained.map(([code]) => reason(code)).join("; ")), true) : fact("Mean of the windows", [figure(one.mean, one.unit), h("span", { class: "unit" }, ` ${to === "a.u." ? "" : to}`)], one.low === null ? "no interval can be stated" : `${range(one.low, one.high, one.unit)}: ${level} interval of one window`),
      fact("Lowest and highest", one.min === null ? "–" : range(one.min, one.max, one.unit), one.sd === null || one.sd === undefined ? "" : `SD ${figure(one.sd, one.unit, 1)}`),
      fact("Answered", `${one.used} of ${one.windows}`, count(one.windows, "window")),
      fact("Quality", one.quality === null ? "–" : one.quality.toFixed(2), "mean of the windows"),
    ]),
    abstained.length
      ? table(abstained, [["Why there is no number", ([code]) => [reason(code), h("small", {}, h("code", {}, code))], "name"], ["Windows", ([, n]) => n.toLocaleString("en")], ["Share", ([, n]) => `${((100 * n) / one.windows).toFixed(0)} %`]], "", { label: "Reasons for abstaining", testid: "abstentions" })
      : h("p", { class: "note" }, "It abstained from no window."),
    h("details", {}, h("summary", {}, `All ${count(rows.length, "window")}`), table(rows.slice(0, FIRST * 10), [
      ["From", (r) => link(r.start_s, r.end_s)],
      [`Estimate${to && to !== "a.u." ? `, ${to}` : ""}`, (r) => (r.value === null ? h("span", { class: "abstained" }, reasons(r.reasons)) : figure(r.value, r.unit))],
      [`${level} interval`, (r) => (r.value === null ? "" : r.low === null ? "none can be stated" : range(r.low, r.high, r.unit))],
      ["Quality", (r) => (r.quality === null ? "–" : r.quality.toFixed(2))],
    ], rows.length > FIRST * 10 ? `The first ${FIRST * 10} of ${rows.length}; all are in the download.` : "", { label: `Windows of ${name(one.quantity)}` })),
  );
}

function unit() {
  const u = UNITS[$("ref-quantity").value];
  $("ref-unit").textContent = u ? `Value, ${shownUnit(u)}` : "Value, 1 for yes and 0 for no";
}

async function known_references() {
  try {
    const found = offered("/api/recordings/{recording}/references") ? await get(`${path}/references`) : {};
    state.references = found.references || [];
    if (state.references.length) $("report-quantity").value = state.references.at(-1).quantity;
    showReferences();
  } catch {
    fill($("references-body"), empty("No reference value yet"));
  }
}

function showReferences() {
  const { references } = state;
  fill(
    $("references-body"),
    references.length
      ? table(references.slice(0, 200), [["At", (r) => (r.time_s === null ? "whole recording" : clock(r.time_s, 10))], ["Quantity", (r) => name(r.quantity)], ["Value", (r) => [amount(r.value, r.unit), r.flag && r.flag !== "ok" ? h("small", {}, r.flag) : null]]], count(references.length, "reference value"), { label: "Reference values" })
      : empty("No reference value yet", "Without one there are estimates, and nothing to judge them by."),
  );
}

$("type").addEventListener("submit", async (event) => {
  event.preventDefault();
  const quantity = $("ref-quantity").value;
  const u = UNITS[quantity] || "";
  const at = $("ref-time").value;
  const row = { time_s: at === "" ? null : Number(at), quantity, value: Number($("ref-value").value), unit: shownUnit(u) };
  try {
    await post(`${path}/references`, { references: [row] });
    $("ref-value").value = "";
    say("The reference value is kept.");
    await known_references();
  } catch (error) {
    fill($("references-body"), problem(error));
  }
});

async function table_of(file) {
  try {
    await put(`${path}/references`, await file.text(), "text/csv");
    say("The reference values are kept.");
    await known_references();
  } catch (error) {
    fill($("references-body"), problem(error));
  }
  $("ref-file").value = "";
}

$("ref-file").addEventListener("change", () => $("ref-file").files[0] && table_of($("ref-file").files[0]));
for (const kind of ["dragover", "drop"]) $("ref-drop").addEventListener(kind, (event) => event.preventDefault());
$("ref-drop").addEventListener("drop", (event) => event.dataTransfer.files[0] && table_of(event.dataTransfer.files[0]));

/** Whether the model says anything of the quantity of the report; vital signs need none. */
const answers = () => summariesIn(state.predicted || {}).some((s) => s.quantity === $("report-quantity").value);

$("make").addEventListener("click", async () => {
  const into = $("report-body");
  fill(into, busy("Judging …"));
  try {
    const query = new URLSearchParams({ quantity: $("report-quantity").value, ...(state.model && answers() ? { model: state.model } : {}) });
    const made = await post(`${path}/report?${query}`);
    const { report, id: number } = made;
    fill(into, made.result?.verdict ? h("p", { class: "lead" }, sentence(made.result.verdict.headline)) : null, h("div", { class: "actions" }, h("a", { class: "button main", href: `/reports/${number}`, "data-testid": "open-report" }, "Open the report"), h("a", { class: "button", href: `${report}/result.json`, download: "" }, "result.json"), h("a", { class: "button", href: `${report}/rows.csv`, download: "" }, "rows.csv")), h("iframe", { class: "report", title: "Report", src: report, sandbox: "" }));
  } catch (error) {
    fill(into, problem(error));
  }
});

open();
