// Other channels of the recording under the chosen one, on the same stretch of time.

import { $, fill, h } from "./dom.js";
import { line } from "./drawing.js";
import { begin, first, spans } from "./lanes.js";
import { fit } from "./scope.js";
import { Source } from "./source.js";
import { gestures } from "./view.js";

const MOST = 6;
const PULSATILE = ["ppg", "ecg", "abp"];

/** Which channels stand under the chosen one to begin with: at most two more of a pulse or a heart. */
export function usual(channels, chosen) {
  return channels.filter((c) => c !== chosen && PULSATILE.includes(c.kind)).slice(0, 2).map((c) => c.name);
}

export class Companions {
  /** Lanes go before `before`; the choice of channels into `choice`; `changed(names)` when another one is made. */
  constructor(path, view, { before, choice, changed, draw }) {
    Object.assign(this, { path, view, before, choice, changed, draw, lanes: [] });
  }

  /** Offer all channels but the chosen one, and show those that are named. */
  async show(channels, chosen, names) {
    const others = channels.filter((c) => c !== chosen);
    this.choice.hidden = !others.length;
    const boxes = others.map((c) => h("input", { type: "checkbox", value: c.name, "data-testid": "also-box", checked: names.includes(c.name), onchange: () => this.chosen(others, boxes) }));
    fill($("also-boxes"), others.map((c, i) => h("label", {}, boxes[i], ` ${c.name}`)));
    await this.set(others.filter((c) => names.includes(c.name)));
  }

  async chosen(others, boxes) {
    const wanted = others.filter((_, i) => boxes[i].checked);
    boxes.forEach((box) => (box.disabled = wanted.length >= MOST && !box.checked));
    await this.set(wanted);
    this.changed(wanted.map((c) => c.name));
  }

  async set(channels) {
    const kept = this.lanes.filter(({ channel }) => channels.includes(channel));
    for (const one of this.lanes) if (!kept.includes(one)) one.lane.remove();
    this.lanes = channels.slice(0, MOST).map((channel) => kept.find((one) => one.channel === channel) || this.add(channel));
    for (const { lane } of this.lanes) this.before.before(lane);
    await Promise.all(this.lanes.map(({ source }) => source.whole || source.load(Math.max(300, this.before.clientWidth)).catch(() => null)));
    this.draw();
  }

  add(channel) {
    const canvas = h("canvas", { "aria-hidden": "true" });
    const pane = h("div", { class: "pane" }, canvas);
    const unit = channel.unit && channel.unit !== "a.u." ? `, ${channel.unit}` : "";
    const lane = h("div", { class: "lane companion", "data-testid": `lane-${channel.name}` }, h("div", { class: "what" }, `${channel.name}${unit}`), pane);
    const start = channel.start_s || 0;
    const source = new Source(this.path, channel.name, start, start + channel.samples / channel.rate);
    source.onPiece(this.draw);
    gestures(pane, this.view, { gutter: () => 0 });
    return { channel, canvas, lane, source };
  }

  paint(colours, cursor) {
    for (const one of this.lanes) {
      const made = begin(one.canvas);
      const { view } = this;
      const piece = made && one.source.points(view.t0, view.t1, made.w);
      if (!piece) continue;
      const { low, high } = fit(piece.x, piece.y, view.t0, view.t1);
      const { c, w, h: tall } = made;
      spans(c, one.channel.gaps, view, w, tall, colours.line);
      c.strokeStyle = colours.ink;
      c.lineWidth = 1.1;
      const x = (t) => ((t - view.t0) / view.span) * w;
      const y = (v) => tall - 4 - ((v - low) / (high - low)) * (tall - 8);
      const [from, to] = [Math.max(0, first(piece.x, view.t0) - 1), first(piece.x, view.t1) + 1];
      line(c, piece.x.slice(from, to), piece.y.slice(from, to), x, y);
      c.fillStyle = colours.ink;
      if (cursor !== null && cursor >= view.t0 && cursor <= view.t1) c.fillRect(x(cursor) - 1, 0, 2, tall);
      Object.assign(one, { shown: first(piece.x, view.t1) - first(piece.x, view.t0), low, high });
    }
  }

  state() {
    return this.lanes.map(({ channel, shown, low, high }) => ({ channel: channel.name, points: shown ?? 0, low, high }));
  }
}
