// The viewer: one recording, from what the file was found to be to beats corrected by hand.

import { get, offered, post } from "./api.js";
import { BeatEditor } from "./beats.js";
import { Companions, usual } from "./companions.js";
import { facts, detected } from "./detected.js";
import { $, busy, empty, fill, h, problem } from "./dom.js";
import { explanation } from "./explanation.js";
import { modelOptions, quantitiesOf } from "./estimates.js";
import { first } from "./lanes.js";
import { Scope } from "./scope.js";
import { Source } from "./source.js";
import { amount, onUnits, range } from "./units.js";
import { rowsOf, summary } from "./vitals.js";
import { View } from "./view.js";
import { windowsAndTemplate } from "./windows.js";
import { clock, duration, name, reasons } from "./words.js";

const LONG_S = 6 * 3600;

const id = location.pathname.split("/")[2];
const path = `/api/recordings/${encodeURIComponent(id)}`;
const asked = new URLSearchParams(location.search);
const state = { one: null, measured: null, channel: null, predicted: null, model: asked.get("model") || "", quantity: asked.get("quantity") || "", also: asked.has("also") ? asked.get("also").split(",") : null, references: [] };
let [scope, view, editor] = [null, null, null];
let failed = null;

window.__plot = { state: () => (scope ? { ...scope.state(), recording: id, model: state.model, measuring: state.measuring ?? null, failed } : null), view: () => view };

async function open() {
  try {
    state.one = await get(path);
  } catch (error) {
    failed = error.code || String(error);
    fill($("trouble"), problem(error), h("div", { class: "actions" }, h("a", { class: "button main", href: "/" }, "To the recordings")));
    $("name").textContent = error.status === 404 ? "This recording is not here" : "The recording could not be opened";
    return;
  }
  const { one } = state;
  document.title = `${one.name} · pulsewise`;
  $("name").textContent = one.name;
  $("format").textContent = `/ ${one.format}`;
  if (one.synthetic) fill($("stamps"), h("p", { class: "stamp" }, h("strong", {}, "Simulated. "), "Nobody was measured."));
  fill($("facts"), facts(one));
  for (const part of ["facts", "steps", "body"]) $(part).hidden = false;
  fill($("what"), detected(one));
  $("result-link").href = `${location.pathname}/result`;
  $("to-result").href = `${location.pathname}/result`;
  const main = one.channels.find((c) => ["ppg", "ecg", "abp"].includes(c.kind)) || one.channels[0];
  state.channel = one.channels.find((c) => c.name === asked.get("channel")) || main;
  if (!state.channel) {
    fill($("signal"), empty("There is no signal to draw", "The file holds events or references only; drop it together with the recording it belongs to, or give its values there as references."));
    for (const part of ["beats", "windows", "explanation"]) $(part).parentElement.hidden = true;
    $("steps").hidden = true;
    return;
  }
  fill($("channel"), one.channels.map((c) => h("option", { value: c.name, selected: c === state.channel }, `${c.name} (${c.kind}, ${c.unit})`)));
  begin();
  beside();
  $("channel").addEventListener("change", () => {
    state.channel = one.channels.find((c) => c.name === $("channel").value);
    beside();
    load();
    permalink();
  });
  await Promise.all([load(), models()]);
}

/** The other channels under the chosen one; which, is kept where somebody chose it. */
function beside() {
  const { one, channel, also } = state;
  scope.companions.show(one.channels, channel, also ?? usual(one.channels, channel));
}

function begin() {
  const { one } = state;
  const start = Math.min(0, ...one.channels.map((c) => c.start_s || 0));
  view = new View(start, Math.max(one.duration_s, start + 0.5));
  const parts = { view: $("view"), lanes: $("lanes"), wave: $("wave"), quality: $("quality-lane"), beats: $("beats-lane"), estimates: $("estimates-lane"), what: $("estimates-what"), whole: $("whole-lane") };
  const t0 = Number.parseFloat(asked.get("t0"));
  const t1 = Number.parseFloat(asked.get("t1"));
  if (Number.isFinite(t0) && Number.isFinite(t1) && t1 > t0) view.set(t0, t1);
  else if (one.duration_s > 45) view.set(start, start + (innerWidth < 700 ? 10 : 30));
  scope = new Scope(parts, view, { onTap: (t) => editor.tap(t), onHover: readout, onKey: (event) => editor.key(event) || key(event) });
  scope.companions = new Companions(path, view, {
    before: document.querySelector(".lane.quality"),
    choice: $("also"),
    changed: (names) => {
      state.also = names;
      permalink();
    },
    draw: () => scope.draw(),
  });
  editor = new BeatEditor(path, scope, view, { onApplied: measure, channel: () => state.channel });
  view.onChange(permalink);
  view.onChange(() => readout(null));
  scope.onCursor = () => readout(null);
  const acts = { back: () => view.pan(-0.75), on: () => view.pan(0.75), closer: () => view.zoom(0.5), away: () => view.zoom(2), all: () => view.set(view.start, view.end) };
  for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", acts[button.dataset.do]);
  $("quantity").addEventListener("change", () => {
    state.quantity = $("quantity").value;
    lane();
    permalink();
  });
  onUnits(() => state.measured && fill($("vitals"), summary(state.measured)));
}

let timer = 0;

/** Recording, channel and time into the address, for a link that opens on the same view. */
function permalink() {
  $("result-link").href = `${location.pathname}/result${state.model ? `?model=${encodeURIComponent(state.model)}` : ""}`;
  $("to-result").href = $("result-link").href;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const query = new URLSearchParams({ channel: state.channel.name, t0: view.t0.toFixed(2), t1: view.t1.toFixed(2) });
    if (state.model) query.set("model", state.model);
    if (state.quantity) query.set("quantity", state.quantity);
    if (state.also) query.set("also", state.also.join(","));
    history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
  }, 150);
}

/** The channel's curve first, then what is measured of it. */
async function load() {
  const { channel, one } = state;
  Object.assign(scope, { gaps: channel.gaps, unit: channel.unit, quality: null, beats: [], edits: [], rows: [] });
  const start = channel.start_s || 0;
  try {
    await scope.show(new Source(path, channel.name, start, start + channel.samples / channel.rate));
  } catch (error) {
    failed = error.code;
    fill($("trouble"), problem(error));
  }
  if (one.windows || !["ppg", "ecg", "abp"].includes(channel.kind)) {
    state.measured = null;
    scope.none = one.windows ? "Ready-made windows: choose a model" : "Nothing is measured of such a signal";
    fill($("vitals"));
    lane();
    return;
  }
  if (channel.samples / channel.rate > LONG_S && state.asked !== channel) {
    scope.none = "Not measured yet";
    const go = () => {
      state.asked = channel;
      measure();
    };
    fill($("vitals"), h("div", { class: "actions" }, h("button", { type: "button", onclick: go, "data-testid": "measure" }, `Measure all ${duration(channel.samples / channel.rate)}`), h("span", { class: "note" }, "Beats, rate, rhythm, breathing and quality; takes about a minute per day of recording.")));
    lane();
    return;
  }
  await measure();
}

async function measure() {
  const { channel } = state;
  scope.none = "Measuring …";
  state.measuring = true;
  fill($("vitals"), busy("Measuring: beats, rate, rhythm, breathing, quality …"));
  scope.draw();
  try {
    const found = await get(`${path}/measure?${new URLSearchParams({ channel: channel.name })}`);
    if (state.channel !== channel) return;
    state.measured = found;
    const quality = found.quality || { step_s: 1, score: found.seconds.quality, reason: found.seconds.reasons };
    Object.assign(scope, { quality, beats: found.beats.time ?? found.beats.time_s, edits: found.beats.edits || [] });
    fill($("vitals"), summary(found));
    editor.measured();
  } catch (error) {
    if (state.channel !== channel) return;
    failed = error.code;
    fill($("vitals"), problem(error));
    scope.none = "Nothing was measured";
  }
  state.measuring = false;
  lane();
  readout(null);
}

/** The quantities that can be drawn: measured ones, then those of the model. */
function lane() {
  const found = [];
  if (state.measured) for (const key of ["heart_rate", "respiratory_rate", "qtc"]) {
    const rows = rowsOf(state.measured, key);
    if (rows.length) found.push({ key, title: name(key), unit: { heart_rate: "bpm", respiratory_rate: "breaths/min", qtc: "ms" }[key], rows });
  }
  if (state.predicted) found.push(...quantitiesOf(state.predicted).map((q) => ({ ...q, key: `model:${q.key}` })));
  const wanted = found.find((q) => q.key === state.quantity) || (state.predicted && found.find((q) => q.key.startsWith("model:"))) || found[0];
  fill($("quantity"), found.length ? found.map((q) => h("option", { value: q.key, selected: q === wanted }, q.key.startsWith("model:") ? `${q.title} (${state.model})` : q.title)) : h("option", { value: "" }, "none"));
  const plain = wanted?.key.replace("model:", "");
  Object.assign(scope, { quantity: wanted || null, rows: wanted?.rows || [], references: state.references.filter((r) => r.quantity === plain && r.time_s !== null) });
  scope.draw();
}

async function models() {
  const known = await modelOptions($("model"), state.model);
  if (state.model && !known.includes(state.model)) state.model = "";
  const chosen = async () => {
    const model = $("model").value;
    Object.assign(state, { model, predicted: null });
    permalink();
    windowsAndTemplate($("windows-body"), path, () => state.model);
    explanation($("explanation-body"), path, model, () => view.t0);
    if (model) {
      try {
        const found = await post(`${path}/predict?${new URLSearchParams({ model })}`);
        if (state.model !== model) return; // another was chosen meanwhile
        state.predicted = found;
      } catch (error) {
        if (state.model !== model) return;
        scope.none = error.detail || "No estimates";
        fill($("windows-body"), problem(error));
      }
    }
    lane();
  };
  $("model").addEventListener("change", chosen);
  if (offered("/api/recordings/{recording}/references")) get(`${path}/references`).then((given) => {
    state.references = given.references || [];
    lane();
  }).catch(() => null);
  await chosen();
}

/** What is under the pointer, or in the middle of the view. */
function readout(t) {
  if (!scope) return;
  const at = t ?? scope.cursor;
  if (at === null || at === undefined) {
    const beyond = scope.frame?.beyond ? " Some samples are beyond the frame." : "";
    $("readout").textContent = `${clock(view.t0, view.span)} to ${clock(view.t1, view.span)} of ${clock(view.end, 60)}.${beyond}`;
    return;
  }
  const bits = [clock(at, Math.min(view.span, 19))];
  const piece = scope.piece;
  if (piece) {
    const i = Math.min(first(piece.x, at), piece.x.length - 1);
    bits.push(piece.y[i] === null || piece.y[i] === undefined ? "nothing recorded" : `${state.channel.name} ${Number(piece.y[i].toPrecision(5))}${state.channel.unit === "a.u." ? "" : ` ${state.channel.unit}`}`);
  }
  const second = scope.quality && Math.floor((at - (state.channel.start_s || 0)) / scope.quality.step_s);
  if (scope.quality && second >= 0 && second < scope.quality.score.length) {
    const score = scope.quality.score[second];
    const why = reasons(scope.quality.reason[second]);
    bits.push(`quality ${score === null ? "not known" : score.toFixed(2)}${why ? ` (${why})` : ""}`);
  }
  const row = scope.rows.find((r) => at >= r.start_s && at < r.end_s);
  if (row && scope.quantity) bits.push(`${scope.quantity.title.toLowerCase()} ${row.value === null ? `not estimated: ${reasons(row.reasons) || "no reason given"}` : `${amount(row.value, scope.quantity.unit)}${row.low !== null && row.low !== undefined ? ` (${range(row.low, row.high, scope.quantity.unit)})` : ""}`}`);
  $("readout").textContent = bits.join(" · ");
}

/** N and P: to the next or previous stretch that is missing or of low quality. */
function key(event) {
  if (!["n", "p", "N", "P"].includes(event.key)) return false;
  const bad = state.channel.gaps.map(([a]) => a);
  const { quality } = scope;
  if (quality) for (let i = 0; i < quality.score.length; i++) {
    const wrong = (k) => k >= 0 && (quality.score[k] === null || quality.score[k] < 0.5 || quality.reason[k]?.length);
    if (wrong(i) && !wrong(i - 1)) bad.push(i * quality.step_s);
  }
  bad.sort((a, b) => a - b);
  const middle = (view.t0 + view.t1) / 2;
  const to = event.key.toLowerCase() === "n" ? bad.find((t) => t > middle + 0.5) : bad.findLast((t) => t < middle - 0.5);
  if (to !== undefined) view.set(to - view.span / 2, to + view.span / 2);
  return true;
}

await open();
