// Small pictures beside the text: windows over their template, curves of a training.

import { onTheme } from "./dom.js";
import { begin, palette, ticks } from "./lanes.js";

/** Draw now, when the size changes, and when light turns to dark. */
export function picture(canvas, draw) {
  const again = () => {
    const made = begin(canvas);
    if (made) draw(made, palette());
  };
  new ResizeObserver(again).observe(canvas);
  onTheme(again);
  again();
  return again;
}

/** Axes with few labels; gives the functions from data to pixels. */
export function axes({ c, w, h }, ink, { x, y, unit = "", left = 46 }) {
  const [bottom, top, right] = [24, 8, 16];
  const px = (v) => left + ((v - x[0]) / (x[1] - x[0] || 1)) * (w - left - right);
  const py = (v) => h - bottom - ((v - y[0]) / (y[1] - y[0] || 1)) * (h - bottom - top);
  c.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  c.fillStyle = ink.muted;
  c.strokeStyle = ink.hair;
  c.lineWidth = 1;
  c.textBaseline = "middle";
  c.textAlign = "right";
  for (const t of ticks(y[0], y[1], 4)) {
    c.beginPath();
    c.moveTo(left, Math.round(py(t)) + 0.5);
    c.lineTo(w - right, Math.round(py(t)) + 0.5);
    c.stroke();
    c.fillText(String(t).replace("-", "−"), left - 7, py(t));
  }
  c.textAlign = "center";
  for (const t of ticks(x[0], x[1], 5)) c.fillText(`${String(t).replace("-", "−")}${unit && ` ${unit}`}`, px(t), h - bottom + 13);
  c.textAlign = "left";
  return { px, py };
}

/** A line through points whose gaps are null. */
export function line(c, xs, ys, px, py) {
  let open = false;
  c.beginPath();
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null || ys[i] === undefined || Number.isNaN(ys[i])) open = false;
    else {
      if (open) c.lineTo(px(xs[i]), py(ys[i]));
      else c.moveTo(px(xs[i]), py(ys[i]));
      open = true;
    }
  }
  c.stroke();
}

export const extent = (list) => list.reduce(([a, b], v) => (v === null || v === undefined || Number.isNaN(v) ? [a, b] : [Math.min(a, v), Math.max(b, v)]), [Infinity, -Infinity]);
