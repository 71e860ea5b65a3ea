// What a file was found to be, and how that was found out.

import { h, sentence, table } from "./dom.js";
import { count, day, duration, hertz } from "./words.js";

const SOURCES = {
  file: "stated in the file", header: "stated in the file", option: "stated by you", fitted: "fitted to the time stamps", timestamps: "fitted to the time stamps",
  dataset: "known of this data set", format: "fixed by the format", name: "from the file’s name",
};

export function facts(one) {
  const lost = one.channels.map((c) => c.gaps.reduce((sum, [a, b]) => sum + b - a, 0) / (c.samples / c.rate || 1));
  const worst = Math.max(0, ...lost);
  if (!one.channels.length) {
    const references = one.references.reduce((sum, r) => sum + r.count, 0);
    return [["Signals", "none"], ["References", references.toLocaleString("en"), one.references.map((r) => `${r.quantity}, ${r.unit}`).join("; ")], ["Begins", one.start ? day(one.start) : "not known"]].map(([label, value, more]) => h("div", {}, h("dt", {}, label), h("dd", {}, value, more ? h("small", {}, more) : null)));
  }
  const item = (label, value, more) => h("div", {}, h("dt", {}, label), h("dd", {}, value, more ? h("small", {}, more) : null));
  const rates = [...new Set(one.channels.map((c) => hertz(c.rate)))];
  return [
    item("Length", duration(one.duration_s), one.start ? `from ${day(one.start)}` : "when it was recorded is not known"),
    item("Signals", String(one.channels.length), one.channels.map((c) => c.name).slice(0, 6).join(", ") + (one.channels.length > 6 ? " …" : "")),
    item("Sampling rate", rates.length === 1 ? rates[0] : count(rates.length, "rate"), rates.length === 1 ? sentence(SOURCES[one.channels[0]?.rate_source] || one.channels[0]?.rate_source || "").replace(/\.$/, "") : rates.slice(0, 4).join(", ")),
    item("Recorded", `${(100 * (1 - worst)).toFixed(worst && worst < 0.001 ? 2 : 1)} %`, worst ? `${count(Math.max(...one.channels.map((c) => c.gaps.length)), "gap")} in the worst signal` : "no sample is missing"),
  ];
}

export function detected(one) {
  const parts = [
    h("dl", { class: "plain" }, [
      ["Format", one.format, sentence(one.why || "")],
      ["How sure", one.score !== undefined && one.score !== null ? `${Math.round(100 * one.score)} of 100` : "", ""],
      ["Left out for privacy", one.dropped_columns?.length ? `${count(one.dropped_columns.length, "column")}: ${one.dropped_columns.join(", ")}` : "nothing that names a person was found", ""],
      ["Integrity", one.integrity === false ? "The checksum does not fit: the file was changed or damaged" : one.integrity ? "The checksum fits" : "", ""],
      ["References in the file", one.references?.length ? one.references.map((r) => `${r.count} × ${r.quantity} (${r.unit})`).join(", ") : "none", ""],
    ].filter(([, value]) => value).map(([label, value, more]) => [h("dt", {}, label), h("dd", {}, value, more ? h("small", { class: "note" }, ` ${more}`) : null)])),
    one.channels.length > 0 && table(
      one.channels,
      [
        ["Signal", (c) => c.name, "name"],
        ["Kind", (c) => c.kind],
        ["Rate", (c) => [hertz(c.rate), c.rate_source ? h("small", {}, SOURCES[c.rate_source] || c.rate_source) : null]],
        ["Clock", (c) => (c.drift_ppm ? `${c.drift_ppm.toFixed(0)} ppm` : "as stated")],
        ["Unit", (c) => c.unit],
        ["Samples", (c) => c.samples.toLocaleString("en")],
        ["Gaps", (c) => (c.gaps.length ? [String(c.gaps.length), h("small", {}, duration(c.gaps.reduce((s, [a, b]) => s + b - a, 0)))] : "none")],
      ],
      "Signals of the recording.",
      { label: "Signals", class: "wide" },
    ),
  ];
  if (one.notes?.length) {
    parts.push(h("h3", {}, "Worth knowing"), h("ul", {}, one.notes.map((n) => h("li", {}, sentence(n.message), n.count > 1 ? ` (${n.count.toLocaleString("en")} times)` : "", " ", h("code", {}, n.code)))));
  }
  return parts.filter(Boolean);
}
