// The last seconds of a stream, one strip per channel, moving as they arrive.

import { onTheme } from "./dom.js";
import { begin, hatch, palette } from "./lanes.js";
import { clock } from "./words.js";

const SHOWN_S = 12;
const APART_S = 0.3; // points further apart have a gap between them, and more than three samples
const [TOP, FOOT] = [10, 22];

export class Strip {
  constructor(canvas) {
    Object.assign(this, { canvas, lanes: [], edge: 0, latest: 0 });
    this.colours = palette();
    onTheme(() => (this.colours = palette()));
  }

  /** Begin anew with channels of these names and this rate. */
  reset(names, rate) {
    this.apart = Math.max(APART_S, 3 / rate);
    this.lanes = names.map((name) => ({ name, x: [], y: [] }));
    this.edge = this.latest = 0;
  }

  get points() {
    return this.lanes.reduce((n, lane) => n + lane.x.length, 0);
  }

  /** Points of a channel: seconds, and values that are NaN where nothing arrived. */
  push(channel, xs, ys) {
    const lane = this.lanes[channel];
    if (!lane || !xs.length) return;
    if (!this.points) this.edge = xs[xs.length - 1];
    lane.x.push(...xs);
    lane.y.push(...ys);
    this.latest = Math.max(this.latest, xs[xs.length - 1]);
    const old = lane.x.findIndex((x) => x > this.latest - SHOWN_S - 1);
    if (old > 0) {
      lane.x.splice(0, old);
      lane.y.splice(0, old);
    }
  }

  paint() {
    const made = begin(this.canvas);
    if (!made) return;
    const behind = this.latest - this.edge;
    this.edge = behind > 3 ? this.latest : this.edge + 0.2 * behind; // pieces come in steps, the eye wants none
    if (!this.points) {
      made.c.fillStyle = this.colours.muted;
      made.c.font = `14px ${getComputedStyle(document.body).fontFamily}`;
      made.c.fillText("The last twelve seconds appear here.", 8, made.h / 2);
      return;
    }
    this.times(made);
    const high = (made.h - FOOT) / this.lanes.length;
    this.lanes.forEach((lane, i) => this.draw(made, lane, i * high, high));
  }

  x(t, w) {
    return ((t - this.edge + SHOWN_S) / SHOWN_S) * w;
  }

  times({ c, w, h }) {
    c.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    c.textAlign = "center";
    c.textBaseline = "alphabetic";
    for (let t = Math.max(0, Math.ceil((this.edge - SHOWN_S) / 2) * 2); t <= this.edge; t += 2) {
      const at = Math.round(this.x(t, w)) + 0.5;
      c.fillStyle = this.colours.hair;
      c.fillRect(at, 0, 1, h - FOOT);
      c.fillStyle = this.colours.muted;
      if (at > 18 && at < w - 18) c.fillText(clock(t, 60), at, h - 6);
    }
    c.textAlign = "left";
  }

  draw({ c, w }, { name, x, y }, top, high) {
    let [least, most] = [Infinity, -Infinity];
    for (const v of y) if (v === v) [least, most] = [Math.min(least, v), Math.max(most, v)];
    const py = (v) => top + high - TOP - ((v - least) / (most - least || 1)) * (high - 2 * TOP);
    const parts = [[]]; // stretches of points that belong together
    for (let i = 0; i < x.length; i++) {
      if (y[i] !== y[i]) continue;
      const part = parts[parts.length - 1];
      const last = part[part.length - 1];
      if (last === undefined || (i - last === 1 && x[i] - x[last] < this.apart)) part.push(i);
      else parts.push([i]);
    }
    const ends = parts.map((part) => (part.length ? x[part[part.length - 1]] : x[0]));
    ends.forEach((from, k) => {
      const to = parts[k + 1] ? x[parts[k + 1][0]] : this.latest;
      if (to - from > (parts[k + 1] ? 0 : this.apart)) hatch(c, this.x(from, w), top, this.x(to, w) - this.x(from, w), high, this.colours.line);
    });
    c.beginPath();
    for (const part of parts) part.forEach((i, k) => c[k ? "lineTo" : "moveTo"](this.x(x[i], w), py(y[i])));
    c.strokeStyle = this.colours.ink;
    c.lineWidth = 1.4;
    c.lineJoin = "round";
    c.stroke();
    if (this.lanes.length > 1) {
      c.fillStyle = this.colours.muted;
      c.fillText(name, 4, top + 13);
    }
  }
}
