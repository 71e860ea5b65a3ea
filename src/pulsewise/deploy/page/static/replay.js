// A recording sent as a sensor would send it.

import { getRaw } from "./api.js";

const AHEAD_S = 60;
const MOST = 32000; // samples of one answer; beyond 40,960 the server sends extremes in place of samples

/** Send channels a quarter of a second at a time, `speed` times as fast as they were; `sent` gets each piece. */
export async function feed(socket, id, sending, speed, sent) {
  const { rate, samples, start_s } = sending[0];
  const begin_s = start_s || 0;
  const piece = Math.max(1, Math.round(0.25 * rate));
  const ahead = Math.min(MOST, Math.ceil(AHEAD_S * rate));
  const begun = performance.now();
  let count = 0;
  for (let asked = 0; asked < samples && socket.readyState === 1; asked += ahead) {
    const most = Math.min(ahead, samples - asked);
    const all = await Promise.all(sending.map((c) => raw(id, c, begin_s + asked / rate, most)));
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

async function raw(id, channel, t0, count) {
  const answer = await getRaw(`/api/recordings/${id}/wave?${new URLSearchParams({ channel: channel.name, t0, t1: t0 + (count - 0.5) / channel.rate, px: 8192 })}`);
  const pairs = new Float32Array(await answer.arrayBuffer());
  const values = new Float32Array(Math.min(count, pairs.length / 2));
  for (let i = 0; i < values.length; i++) values[i] = pairs[2 * i + 1];
  return values;
}
