// The curves of a recording: the wave (uPlot) with the lanes under it, all on one stretch of time.

import { h, ink, onTheme } from "./dom.js";
import { drawBeats, drawEstimates, drawQuality, drawWhole, first, palette, spans } from "./lanes.js";
import { onUnits } from "./units.js";
import { gestures, keys } from "./view.js";
import { clock } from "./words.js";

/** A range that one artefact does not spoil: the bulk of what is in view with room, and whether anything is outside. */
export function fit(x, y, t0, t1) {
  const seen = [];
  for (let i = first(x, t0); i < x.length && x[i] <= t1; i++) if (y[i] !== null) seen.push(y[i]);
  if (!seen.length) return { low: 0, high: 1, beyond: false };
  seen.sort((a, b) => a - b);
  const at = (q) => seen[Math.min(seen.length - 1, Math.floor(q * seen.length))];
  const [least, most] = [seen[0], seen[seen.length - 1]];
  const bulk = at(0.97) - at(0.03);
  const room = bulk * 0.75 || Math.abs(most) * 0.01 || 1;
  const [low, high] = [Math.max(least, at(0.03) - room), Math.min(most, at(0.97) + room)];
  const pad = (high - low) * 0.05 || 1;
  return { low: low - pad, high: high + pad, beyond: least < low - pad || most > high + pad };
}

const SPLITS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600];

export class Scope {
  /** `parts`: the elements of the page; `view`: what is shown; `source`: where samples come from. */
  constructor(parts, view, { onTap, onHover, onKey }) {
    Object.assign(this, { parts, view, source: null, unit: "", gaps: [], quality: null, beats: [], edits: [], pending: null, cursor: null, rows: [], references: [], quantity: null, none: "", drawn: 0, slowest_ms: 0, last_ms: 0, waiting: false, whatTicks: [] });
    this.colours = palette();
    this.gutter = () => parts.quality.offsetLeft + parts.quality.parentElement.offsetLeft - parts.lanes.offsetLeft || 60;
    this.plot = typeof uPlot === "function" ? this.make() : null;
    parts.wave.parentElement.hidden = this.plot === null;
    const show = () => this.draw();
    view.onChange(show);
    new ResizeObserver(() => this.resize()).observe(parts.lanes);
    onTheme(() => {
      this.colours = palette();
      if (this.plot) {
        this.plot.destroy();
        this.plot = this.make();
      }
      this.draw();
    });
    onUnits(show);
    const edge = () => this.parts.wave.clientWidth - this.parts.quality.clientWidth;
    const dragging = (on) => parts.wave.classList.toggle("dragging", on);
    gestures(parts.wave, view, { gutter: edge, onTap, onHover, onDrag: dragging });
    for (const lane of [parts.quality, parts.beats, parts.estimates]) gestures(lane.parentElement, view, { gutter: () => 0, onTap, onHover });
    this.brush();
    keys(parts.view, view, onKey);
  }

  make() {
    const edge = () => this.parts.wave.clientWidth - this.parts.quality.clientWidth;
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: () => ink("muted"), font, grid: { stroke: () => ink("hair"), width: 1 }, ticks: { show: false } };
    const label = (t) => clock(t, this.view.span);
    return new uPlot(
      {
        width: this.parts.wave.clientWidth || 600,
        height: this.parts.wave.clientHeight || 270,
        pxAlign: false,
        padding: [8, 0, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: false, y: false, setScale: false }, y: false, points: { show: false } },
        scales: { x: { time: false, auto: false, range: () => [this.view.t0, this.view.t1] }, y: { range: () => [this.frame?.low ?? 0, this.frame?.high ?? 1] } },
        axes: [
          { ...axis, size: 26, space: 90, incrs: SPLITS, filter: (u, at) => at.map((t) => (u.valToPos(t, "x") > u.bbox.width / (devicePixelRatio || 1) - 18 ? null : t)), values: (u, at) => at.map((t) => (t === null ? "" : label(t))) },
          { ...axis, size: () => edge(), gap: 6, space: 44, values: (u, at) => (Math.max(...at.map(Math.abs)) >= 1e5 ? at.map((v) => `${Number((v / 1000).toPrecision(5))}k`) : at.map((v) => String(Number(v.toPrecision(5))))).map((text) => text.replace("-", "−")) },
        ],
        series: [{}, { stroke: () => ink("ink"), width: 1.1, points: { show: false }, spanGaps: false }],
        hooks: { drawClear: [(u) => this.under(u)], draw: [(u) => this.over(u)] },
      },
      [[], []],
      this.parts.wave,
    );
  }

  under(u) {
    const { left, top, width, height } = u.bbox;
    const ratio = devicePixelRatio || 1;
    u.ctx.save();
    u.ctx.translate(left, top);
    u.ctx.scale(ratio, ratio);
    spans(u.ctx, this.gaps, this.view, width / ratio, height / ratio, this.colours.line);
    u.ctx.restore();
  }

  over(u) {
    if (this.cursor === null) return;
    const at = u.valToPos(this.cursor, "x", true);
    const { left, top, width, height } = u.bbox;
    if (at < left || at > left + width) return;
    u.ctx.fillStyle = this.colours.ink;
    u.ctx.fillRect(at - 1, top, 2, height);
  }

  /** Draw on the next frame, however often it is asked for. */
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      const begun = performance.now();
      this.paint();
      this.last_ms = performance.now() - begun;
      this.slowest_ms = Math.max(this.slowest_ms, this.last_ms);
      this.drawn += 1;
    });
  }

  paint() {
    const { parts, view, colours } = this;
    if (this.source && this.plot) {
      const px = parts.quality.clientWidth || 600;
      const piece = this.source.points(view.t0, view.t1, px);
      if (piece) {
        this.frame = fit(piece.x, piece.y, view.t0, view.t1);
        this.piece = piece;
        this.plot.setData([piece.x, piece.y], false);
        this.plot.setScale("x", { min: view.t0, max: view.t1 });
      }
    }
    this.companions?.paint(colours, this.cursor);
    drawQuality(parts.quality, view, this.quality, colours);
    drawBeats(parts.beats, view, this.beats, this.edits, this.pending, this.cursor, colours);
    const marks = drawEstimates(parts.estimates, view, this.rows, this.quantity?.unit, this.references, colours, this.none) || [];
    this.label(marks);
    if (this.source) drawWhole(parts.whole, this.source.whole, view, this.gaps, colours);
  }

  label(marks) {
    const texts = marks.map(([t, share, unit]) => `${t} ${share.toFixed(3)} ${unit}`).join();
    if (texts === this.labelled) return;
    this.labelled = texts;
    const what = this.parts.what;
    what.replaceChildren(
      h("span", {}, this.quantity?.title || "Estimates", marks.length && marks[0][2] ? `, ${marks[0][2]}` : ""),
      ...marks.filter(([, share]) => share * what.clientHeight > 46).map(([t, share]) => {
        const mark = h("span", { class: "tick" }, String(t));
        mark.style.top = `${100 * share}%`;
        return mark;
      }),
    );
  }

  resize() {
    if (this.plot && this.parts.wave.clientWidth) this.plot.setSize({ width: this.parts.wave.clientWidth, height: this.parts.wave.clientHeight });
    this.draw();
  }

  /** In the strip of the whole recording: drag to choose a stretch, or press to go there. */
  brush() {
    const pane = this.parts.whole.parentElement;
    const { view } = this;
    let from = null;
    const at = (event) => {
      const box = pane.getBoundingClientRect();
      return view.start + ((event.clientX - box.left) / box.width) * (view.end - view.start);
    };
    pane.addEventListener("pointerdown", (event) => {
      pane.setPointerCapture(event.pointerId);
      from = { t: at(event), x: event.clientX, inside: at(event) >= view.t0 && at(event) <= view.t1 && view.span < 0.98 * (view.end - view.start), t0: view.t0, t1: view.t1 };
    });
    pane.addEventListener("pointermove", (event) => {
      if (!from || Math.abs(event.clientX - from.x) < 3) return;
      const by = at(event) - from.t;
      if (from.inside) view.set(from.t0 + by, from.t1 + by);
      else view.set(Math.min(from.t, at(event)), Math.max(from.t, at(event)));
    });
    pane.addEventListener("pointerup", (event) => {
      if (from && Math.abs(event.clientX - from.x) < 3) view.set(from.t - view.span / 2, from.t + view.span / 2);
      from = null;
    });
  }

  /** Another channel: its samples, and nothing measured yet. */
  async show(source) {
    this.source = source;
    source.onPiece(() => this.draw());
    await source.load(Math.min(2000, Math.max(300, this.parts.whole.clientWidth)));
    this.draw();
  }

  /** What is drawn, for tests. */
  state() {
    const { view, piece, source } = this;
    const inside = piece ? { from: first(piece.x, view.t0), to: first(piece.x, view.t1 + 1e-9) } : { from: 0, to: 0 };
    const values = piece ? piece.y.slice(inside.from, inside.to) : [];
    return {
      available: this.plot !== null,
      channel: source?.channel ?? null,
      t0: view.t0,
      t1: view.t1,
      start: view.start,
      end: view.end,
      points: values.length,
      missing: values.filter((v) => v === null).length,
      kind: piece?.kind ?? null,
      sharp: piece ? piece.kind === "raw" || piece.fine >= (0.7 * this.parts.quality.clientWidth) / view.span : false,
      low: values.reduce((a, v) => (v === null || v > a ? a : v), Infinity),
      high: values.reduce((a, v) => (v === null || v < a ? a : v), -Infinity),
      frame: this.frame ?? null,
      gaps: this.gaps.length,
      beats: this.beats.length,
      edits: this.edits.length,
      pending: this.pending && { add: this.pending.add.length, remove: this.pending.remove.length },
      cursor: this.cursor,
      quality: this.quality?.score.length ?? 0,
      quantity: this.quantity?.key ?? null,
      estimates: this.rows.length,
      abstained: this.rows.filter((r) => r.value === null).length,
      references: this.references.length,
      companions: this.companions?.state() ?? [],
      loading: Boolean(source?.asked),
      drawn: this.drawn,
      last_ms: this.last_ms,
      slowest_ms: this.slowest_ms,
      fetches: source ? { ...source.figures } : null,
    };
  }
}
