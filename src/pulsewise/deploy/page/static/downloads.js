// Every table that can be made of a recording, as a file.

import { csv, get, keep, offered } from "./api.js";
import { fill, h, problem } from "./dom.js";
import { rowsIn, summariesIn } from "./estimates.js";
import { bytes } from "./words.js";

let listed = null;

const VITALS = ["start_s", "end_s", "quality", "quality_reasons", "heart_rate", "heart_rate_low", "heart_rate_high", "heart_rate_reasons", "respiratory_rate", "respiratory_rate_low", "respiratory_rate_high", "respiratory_rate_reasons", "rhythm", "af_probability"];

function vitals(measured) {
  const flat = (w, key) => ({ [key]: w[key]?.value ?? null, [`${key}_low`]: w[key]?.low ?? null, [`${key}_high`]: w[key]?.high ?? null, [`${key}_reasons`]: (w[key]?.abstained || []).join(" ") });
  return csv(VITALS, measured.windows.map((w) => ({ start_s: w.start_s, end_s: w.end_s, quality: w.quality, quality_reasons: (w.quality_reasons || []).join(" "), ...flat(w, "heart_rate"), ...flat(w, "respiratory_rate"), rhythm: w.rhythm?.value ?? null, af_probability: w.rhythm?.af_probability ?? null })));
}

/** The list of files: those the server makes, then those that are on the page already. */
export async function downloads(into, path, state) {
  const stem = state.one.name.replace(/\.[^.]+$/, "").replace(/[^\p{L}\p{N}_.-]+/gu, "-").slice(0, 60) || "recording";
  const items = [];
  if (state.measured) {
    items.push([`${stem}_vitals.csv`, "vital signs by window", () => vitals(state.measured)]);
    items.push([`${stem}_measure.json`, "everything measured", () => JSON.stringify(state.measured, null, 1), "application/json"]);
  }
  if (state.predicted) {
    items.push([`${stem}_windows.csv`, "estimates by window", () => csv(["quantity", "unit", "window", "beat_index", "start_s", "end_s", "value", "low", "high", "level", "quality", "reasons"], rowsIn(state.predicted).map((r) => ({ ...r, reasons: (r.reasons || []).join(" ") })))]);
    items.push([`${stem}_predictions.csv`, "estimates of the recording", () => csv(["quantity", "unit", "mean", "sd", "min", "max", "low", "high", "level", "quality", "windows", "used"], summariesIn(state.predicted))]);
  }
  const own = items.map(([file, what, make, type]) => h("li", {}, h("button", { type: "button", class: "quiet", onclick: () => keep(file, make(), type) }, file), h("small", {}, what)));
  const list = h("ul", { class: "downloads" }, own);
  fill(into, list);
  if (offered("/api/recordings/{recording}/files")) try {
    listed = await get(`${path}/files?${new URLSearchParams(state.model ? { model: state.model } : {})}`);
    list.prepend(...listed.files.map((f) => h("li", {}, h("a", { href: f.url, download: f.name }, f.name), h("small", {}, f.what, f.bytes ? `, ${bytes(f.bytes)}` : ""))));
  } catch (error) {
    if (error.status !== 404) into.append(problem(error));
  }
  if (!list.children.length) fill(into, h("p", { class: "note" }, "Nothing was made of it yet."));
}
