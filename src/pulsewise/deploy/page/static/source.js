// Samples of one channel, a screenful at a time: the server gives the smallest and largest of every pixel.

import { getRaw } from "./api.js";

const KEPT = 12;

export class Source {
  constructor(path, channel, start, end) {
    Object.assign(this, { path, channel, start, end, pieces: [], whole: null, asked: null, next: null, listeners: [] });
    this.figures = { requests: 0, bytes: 0, last_ms: 0, slowest_ms: 0 };
  }

  onPiece(call) {
    this.listeners.push(call);
  }

  /** The points to draw a stretch with: the best there is now; asks for better where that is coarse or ends too soon. */
  points(t0, t1, px) {
    const fine = px / (t1 - t0);
    const covers = (p) => p.t0 <= Math.max(t0, this.start) + 1e-6 && p.t1 >= Math.min(t1, this.end) - 1e-6;
    const good = (p) => p.kind === "raw" || (p.fine >= 0.75 * fine && p.fine <= 6 * fine);
    const here = this.pieces.filter((p) => covers(p) && good(p)).sort((a, b) => (a.kind === "raw") - (b.kind === "raw") || a.fine - b.fine);
    const best = here[0];
    if (best) this.touch(best);
    const span = t1 - t0;
    const near = best && ((best.t0 > this.start + 1e-6 && t0 - best.t0 < span / 2) || (best.t1 < this.end - 1e-6 && best.t1 - t1 < span / 2));
    if (!best || near) this.want(Math.max(this.start, t0 - span), Math.min(this.end, t1 + span), fine);
    if (best) return best;
    const partly = this.pieces.filter((p) => p.t1 > t0 && p.t0 < t1 && p.fine > fine / 8);
    const overlap = (p) => Math.min(p.t1, t1) - Math.max(p.t0, t0);
    partly.sort((a, b) => overlap(b) - overlap(a));
    return partly.length && overlap(partly[0]) > 0.6 * span ? partly[0] : this.whole || partly[0] || null;
  }

  touch(piece) {
    this.pieces = [piece, ...this.pieces.filter((p) => p !== piece)];
  }

  /** One request at a time; of those that come meanwhile only the last is made. */
  want(t0, t1, fine) {
    const wanted = { t0, t1, fine };
    if (this.asked) {
      this.next = wanted;
      return;
    }
    this.asked = wanted;
    this.fetch(wanted)
      .then((piece) => {
        this.pieces = [piece, ...this.pieces].slice(0, KEPT);
        this.failed = null;
      })
      .catch((error) => {
        this.failed = error;
      })
      .finally(() => {
        this.asked = null;
        const next = this.next;
        this.next = null;
        for (const call of this.listeners) call();
        if (next && !this.pieces.some((p) => p.t0 <= next.t0 && p.t1 >= next.t1 && p.fine >= 0.75 * next.fine)) this.want(next.t0, next.t1, next.fine);
      });
  }

  async fetch({ t0, t1, fine }) {
    const px = Math.max(50, Math.min(8000, Math.ceil(fine * (t1 - t0))));
    const query = new URLSearchParams({ channel: this.channel, t0: Math.max(0, t0), t1, px });
    const begun = performance.now();
    const answer = await getRaw(`${this.path}/wave?${query}`);
    const content = await answer.arrayBuffer();
    const taken = performance.now() - begun;
    const f = this.figures;
    Object.assign(f, { requests: f.requests + 1, bytes: f.bytes + content.byteLength, last_ms: taken, slowest_ms: Math.max(f.slowest_ms, taken) });
    const from = Number(answer.headers.get("X-T0"));
    const pairs = new Float32Array(content);
    const [x, y] = [new Array(pairs.length / 2), new Array(pairs.length / 2)];
    for (let i = 0; i < x.length; i++) {
      x[i] = from + pairs[2 * i];
      y[i] = Number.isNaN(pairs[2 * i + 1]) ? null : pairs[2 * i + 1];
    }
    return { t0, t1, fine, kind: answer.headers.get("X-Kind"), x, y };
  }

  /** The whole channel in `px` pixels, to begin with. */
  async load(px) {
    this.whole = await this.fetch({ t0: this.start, t1: this.end, fine: px / (this.end - this.start) });
    this.pieces.push(this.whole);
  }
}
