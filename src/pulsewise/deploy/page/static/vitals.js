// Vital signs of a whole recording, with intervals, or why there are none.

import { h } from "./dom.js";
import { figure, range, shownUnit } from "./units.js";
import { RHYTHMS, count, name, reasons } from "./words.js";

/** One value, its interval, or the reasons for having none. */
export function cell(given, label, note = "") {
  if (!given) return null;
  if (given.abstained) return h("div", {}, h("dt", {}, label), h("dd", { class: "none" }, h("span", { class: "abstained" }, "no estimate"), h("small", {}, reasons(given.abstained))));
  const unit = shownUnit(given.unit);
  const text = typeof given.value === "string" ? RHYTHMS[given.value] || given.value : [figure(given.value, given.unit), unit ? h("span", { class: "unit" }, ` ${unit}`) : null];
  const interval = typeof given.value === "string" ? "" : range(given.low, given.high, given.unit, unit === "bpm" ? 1 : 0);
  return h("div", {}, h("dt", {}, label), h("dd", {}, text, h("small", {}, [interval && `${interval}`, note].filter(Boolean).join(" · "))));
}

/** A probability in words of a screen: never 0 % or 100 %, which nothing here can know. */
function likely(share) {
  const percent = Math.round(100 * share);
  return percent < 1 ? "< 1 %" : percent > 99 ? "> 99 %" : `${percent} %`;
}

export function summary(measured) {
  const s = measured.summary;
  const af = s.rhythm && typeof s.rhythm.af_probability === "number" ? `fibrillation ${likely(s.rhythm.af_probability)} likely` : "";
  return h("dl", { class: "facts" }, [
    cell(s.heart_rate, name("heart_rate")),
    cell(s.respiratory_rate, name("respiratory_rate")),
    cell(s.rhythm, name("rhythm"), af),
    cell(s.hrv?.rmssd, "Variability (RMSSD)"),
    cell(s.qtc, "QTc interval"),
    h("div", {}, h("dt", {}, "Quality"), h("dd", {}, s.quality === null ? "–" : s.quality.toFixed(2), h("small", {}, `${count(s.beats, "beat")}; a rate in ${s.windows_with_heart_rate} of ${count(s.windows, "window")}`))),
  ]);
}

/** The rows of one vital sign, to be drawn: start_s, end_s, value, low, high, reasons. */
export function rowsOf(measured, key) {
  return measured.windows
    .filter((w) => w[key])
    .map((w) => ({ start_s: w.start_s, end_s: w.end_s, value: typeof w[key].value === "number" ? w[key].value : null, low: w[key].low ?? null, high: w[key].high ?? null, reasons: w[key].abstained || w.quality_reasons || [] }));
}
