// Lanes under the wave, drawn by hand: quality, beats, estimates, and the whole recording.

import { ink } from "./dom.js";
import { shown, shownUnit } from "./units.js";

/** A canvas made ready for drawing in CSS pixels; null where it has no size. */
export function begin(canvas) {
  const ratio = devicePixelRatio || 1;
  const [w, hgt] = [canvas.clientWidth, canvas.clientHeight];
  if (!w || !hgt) return null;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(hgt * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(hgt * ratio);
  }
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, w, hgt);
  return { c, w, h: hgt };
}

/** Colours of now; asked once per drawing, as asking is slow. */
export const palette = () => Object.fromEntries(["ink", "muted", "line", "hair", "model", "control", "alert", "paper", "raised", "band"].map((n) => [n, ink(n)]));

/** Diagonal lines over a rectangle: what cannot be used. */
export function hatch(c, x, y, w, h, colour) {
  c.save();
  c.beginPath();
  c.rect(x, y, w, h);
  c.clip();
  c.strokeStyle = colour;
  c.lineWidth = 1;
  c.beginPath();
  for (let at = Math.floor((x - h) / 6) * 6; at < x + w; at += 6) {
    c.moveTo(at, y + h);
    c.lineTo(at + h, y);
  }
  c.stroke();
  c.restore();
}

/** The first index of a sorted array whose value is at least `t`. */
export function first(sorted, t) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const mid = (low + high) >> 1;
    if (sorted[mid] < t) low = mid + 1;
    else high = mid;
  }
  return low;
}

const across = (view, w) => (t) => ((t - view.t0) / view.span) * w;

/** Spans [from, to] in s as hatched stretches. */
export function spans(c, list, view, w, h, colour) {
  const x = across(view, w);
  for (const [from, to] of list) {
    if (to < view.t0 || from > view.t1) continue;
    const [a, b] = [Math.max(0, x(from)), Math.min(w, x(to))];
    hatch(c, a, 0, Math.max(b - a, 1.5), h, colour);
  }
}

/** Signal quality: a filled line from 0 to 1, hatched where it cannot be used. */
export function drawQuality(canvas, view, quality, ink_) {
  const made = begin(canvas);
  if (!made || !quality) return;
  const { c, w, h } = made;
  const { step_s: step, score, reason, start = 0 } = quality;
  const x = across(view, w);
  const y = (q) => h - 3 - q * (h - 8);
  const from = Math.max(0, Math.floor((view.t0 - start) / step));
  const to = Math.min(score.length, Math.ceil((view.t1 - start) / step));
  const per = Math.max(1, Math.floor((to - from) / w));
  c.strokeStyle = ink_.hair;
  c.beginPath();
  c.moveTo(0, Math.round(y(0.5)) + 0.5);
  c.lineTo(w, Math.round(y(0.5)) + 0.5);
  c.stroke();
  let bad = null;
  const line = [];
  for (let i = from; i < to; i += per) {
    let low = Infinity;
    let wrong = false;
    for (let k = i; k < Math.min(i + per, to); k++) {
      const s = score[k];
      if (s === null || s < 0.5 || reason[k]?.length) wrong = true;
      low = Math.min(low, s ?? 0);
    }
    const [a, b] = [x(start + i * step), x(start + Math.min(i + per, to) * step)];
    if (wrong) bad = bad ? [bad[0], b] : [a, b];
    if (bad && (!wrong || i + per >= to)) {
      hatch(c, bad[0], 0, Math.max(bad[1] - bad[0], 1.5), h, ink_.line);
      bad = null;
    }
    line.push([a, y(low)], [b, y(low)]);
  }
  if (!line.length) return;
  c.beginPath();
  line.forEach(([a, b], i) => (i ? c.lineTo(a, b) : c.moveTo(a, b)));
  c.strokeStyle = ink_.ink;
  c.lineWidth = 1.25;
  c.stroke();
}

/** A tick for every beat; what a hand changed has a ring, what is about to change is drawn before it is sent. */
export function drawBeats(canvas, view, beats, edits, pending, cursor, ink_) {
  const made = begin(canvas);
  if (!made) return;
  const { c, w, h } = made;
  const x = across(view, w);
  const near = (list, t) => list.some((s) => Math.abs(s - t) < 0.02);
  c.lineWidth = w / view.span > 12 ? 1.75 : 1;
  let last = -9;
  for (let i = first(beats, view.t0); i < beats.length && beats[i] <= view.t1; i++) {
    const a = Math.round(x(beats[i])) + 0.5;
    if (a - last < 1) continue;
    last = a;
    const going = pending && near(pending.remove, beats[i]);
    c.strokeStyle = going ? ink_.control : ink_.model;
    c.setLineDash(going ? [2, 3] : []);
    c.beginPath();
    c.moveTo(a, 6);
    c.lineTo(a, h - 4);
    c.stroke();
  }
  c.setLineDash([]);
  c.strokeStyle = ink_.control;
  c.lineWidth = 2;
  const ring = (t, r) => {
    if (t < view.t0 || t > view.t1) return;
    c.beginPath();
    c.arc(x(t), h / 2, r, 0, 7);
    c.stroke();
  };
  for (const edit of edits) ring(edit.time_s, 4.5);
  for (const t of pending?.add || []) {
    ring(t, 4.5);
    c.fillStyle = ink_.control;
    c.fillRect(x(t) - 1, 4, 2, h - 8);
  }
  for (const t of pending?.remove || []) ring(t, 6);
  if (cursor !== null && cursor >= view.t0 && cursor <= view.t1) {
    c.fillStyle = ink_.ink;
    c.fillRect(x(cursor) - 0.75, 0, 1.5, h);
  }
}

/** Bounds of the axis over all rows, in stored units, with room. */
function bounds(rows, references) {
  let [low, high] = [Infinity, -Infinity];
  for (const r of [...rows, ...references]) {
    if (r.value === null) continue;
    low = Math.min(low, r.low ?? r.value);
    high = Math.max(high, r.high ?? r.value);
  }
  const room = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 1e-6);
  return low <= high ? [low - room, high + room] : [0, 1];
}

const STEPS = [1, 2, 2.5, 5, 10];

export function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * STEPS.find((s) => s * power >= rough * 0.999);
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high + 1e-9; t += step) found.push(Number(t.toFixed(6)));
  return found;
}

/** Estimates: a band per window, a line at its value, hatched where there is none; references as diamonds. */
export function drawEstimates(canvas, view, rows, unit, references, ink_, gutter) {
  const made = begin(canvas);
  if (!made) return;
  const { c, w, h } = made;
  const x = across(view, w);
  const [low, high] = bounds(rows, references).map((v) => shown(v, unit));
  const y = (v) => h - 6 - ((shown(v, unit) - low) / (high - low)) * (h - 16);
  c.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  c.fillStyle = ink_.muted;
  c.textBaseline = "middle";
  c.lineWidth = 1;
  if (rows.length || references.length) {
    for (const t of ticks(low, high, 3)) {
      const at = Math.round(h - 6 - ((t - low) / (high - low)) * (h - 16)) + 0.5;
      c.strokeStyle = ink_.hair;
      c.beginPath();
      c.moveTo(0, at);
      c.lineTo(w, at);
      c.stroke();
    }
  }
  const dense = rows.length && (rows[0].end_s - rows[0].start_s) * (w / view.span) < 3;
  for (const row of rows) {
    if (row.end_s < view.t0 || row.start_s > view.t1) continue;
    const [a, b] = [x(row.start_s), x(row.end_s)];
    const wide = Math.max(b - a - (dense ? 0 : 1), 1);
    if (row.value === null) {
      hatch(c, a, 0, wide, h, ink_.line);
      continue;
    }
    if (row.low !== null && row.low !== undefined) {
      c.globalAlpha = 0.22;
      c.fillStyle = ink_.model;
      c.fillRect(a, y(row.high), wide, Math.max(y(row.low) - y(row.high), 1));
      c.globalAlpha = 1;
    }
    c.fillStyle = ink_.model;
    c.fillRect(a, y(row.value) - 1, wide, 2);
  }
  c.strokeStyle = ink_.control;
  c.fillStyle = ink_.paper;
  c.lineWidth = 2;
  for (const r of references) {
    if (r.time_s < view.t0 || r.time_s > view.t1) continue;
    c.save();
    c.translate(x(r.time_s), y(r.value));
    c.rotate(Math.PI / 4);
    c.fillRect(-4, -4, 8, 8);
    c.strokeRect(-4, -4, 8, 8);
    c.restore();
  }
  if (!rows.length && !references.length) {
    c.fillStyle = ink_.muted;
    c.font = `13px ${getComputedStyle(document.body).fontFamily}`;
    c.fillText(gutter || "No estimates yet", 4, h / 2);
    return [];
  }
  return ticks(low, high, 3).map((t) => [t, (h - 6 - ((t - low) / (high - low)) * (h - 16)) / h, shownUnit(unit)]);
}

/** The whole recording in one strip, and which part of it is shown. */
export function drawWhole(canvas, whole, view, gaps, ink_) {
  const made = begin(canvas);
  if (!made || !whole) return;
  const { c, w, h } = made;
  const all = { t0: view.start, t1: view.end, span: view.end - view.start };
  const x = across(all, w);
  spans(c, gaps, all, w, h, ink_.line);
  const sorted = whole.y.filter((v) => v !== null).sort((a, b) => a - b);
  if (sorted.length) {
    const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
    const [low, high] = [at(0.02), at(0.98)];
    const y = (v) => h - 6 - ((Math.min(Math.max(v, low), high) - low) / (high - low || 1)) * (h - 12);
    c.strokeStyle = ink_.muted;
    c.lineWidth = 0.75;
    c.beginPath();
    let open = false;
    for (let i = 0; i < whole.x.length; i++) {
      if (whole.y[i] === null) open = false;
      else {
        if (open) c.lineTo(x(whole.x[i]), y(whole.y[i]));
        else c.moveTo(x(whole.x[i]), y(whole.y[i]));
        open = true;
      }
    }
    c.stroke();
  }
  const [a, b] = [x(view.t0), x(view.t1)];
  c.fillStyle = ink_.model;
  c.globalAlpha = 0.16;
  c.fillRect(a, 0, Math.max(b - a, 3), h);
  c.globalAlpha = 1;
  c.strokeStyle = ink_.model;
  c.lineWidth = 2;
  c.strokeRect(a + 1, 1, Math.max(b - a - 2, 2), h - 2);
}
