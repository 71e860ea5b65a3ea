// A recording sent as a sensor would send it.

import { getRaw } from "./api.js";

const AHEAD_S = 60;

/** Send channels a quarter of a second at a time, `speed` times as fast as they were; `sent` gets each piece. */
export async function feed(socket, id, sending, speed, sent) {
  const { rate, samples, start_s } = sending[0];
  const begin_s = start_s || 0;
  const end = begin_s + samples / rate;
  const piece = Math.max(1, Math.round(0.25 * rate));
  const begun = performance.now();
  let count = 0;
  for (let from = begin_s; from < end && socket.readyState === 1; from += AHEAD_S) {
    const to = Math.min(from + AHEAD_S, end);
    const all = await Promise.all(sending.map((c) => raw(id, c, from, to)));
    for (let i = 0; i < all[0].length && socket.readyState === 1; i += piece) {
      const parts = all.map((values) => values.subarray(i, i + piece));
      const together = new Float32Array(parts[0].length * all.length);
      parts.forEach((part, k) => together.set(part, k * parts[0].length));
      const due = begun + (((count + parts[0].length) / rate) * 1000) / speed;
      const wait = due - performance.now();
      if (wait > 4) await new Promise((done) => setTimeout(done, wait));
      if (socket.readyState !== 1) return;
      socket.send(together.buffer);
      sent(count / rate, parts);
      count += parts[0].length;
    }
  }
  if (socket.readyState === 1) socket.send(JSON.stringify({ end: true })); // the server says the rest, then closes
}

async function raw(id, channel, t0, t1) {
  const count = Math.round((t1 - t0) * channel.rate);
  const px = Math.min(8192, Math.max(10, Math.ceil(count / 4) + 2));
  const answer = await getRaw(`/api/recordings/${id}/wave?${new URLSearchParams({ channel: channel.name, t0, t1: t1 - 0.5 / channel.rate, px })}`);
  const pairs = new Float32Array(await answer.arrayBuffer());
  const values = new Float32Array(Math.min(count, pairs.length / 2));
  for (let i = 0; i < values.length; i++) values[i] = pairs[2 * i + 1];
  return values;
}
