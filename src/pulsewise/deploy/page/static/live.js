// A recording sent as a sensor would send it, and what comes back while it does.

import { get, getRaw } from "./api.js";
import { $, empty, fill, h, onTheme, problem, say } from "./dom.js";
import { modelOptions } from "./estimates.js";
import { begin, hatch, palette } from "./lanes.js";
import { figure, onUnits, range, shownUnit } from "./units.js";
import { cell } from "./vitals.js";
import { RHYTHMS, clock, duration, name, reasons } from "./words.js";

const STATES = { warming: "warming up", ok: "ok", low_quality: "low quality", no_contact: "no contact", stale: "stale: nothing arrives", error: "error", closed: "ended", idle: "not started" };
const SHOWN_S = 12;
const AHEAD_S = 60;

const live = { socket: null, one: null, channel: null, sent: 0, samples: [], answers: [], state: "idle", dropped: 0, last: null, latencies: [], delay: 0, models: new Map() };
let colours = palette();
onTheme(() => (colours = palette()));

window.__plot = { state: () => ({ state: live.state, sent_s: live.sent, answers: live.answers.length, dropped: live.dropped, shown: live.samples.length, last: live.last }) };

async function open() {
  try {
    const { recordings } = await get("/api/recordings");
    const usable = recordings.filter((one) => !one.windows && one.channels.some((c) => ["ppg", "ecg", "abp"].includes(c.kind)));
    if (!usable.length) {
      fill($("trouble"), empty("There is no recording to replay", "Drop one, or make a simulated one, ", h("a", { href: "/" }, "under Recordings"), "."));
      fill($("recording"), h("option", {}, "none"));
      $("recording").disabled = true;
    } else {
      fill($("recording"), usable.map((one) => h("option", { value: one.id }, one.name)));
      const pick = () => {
        live.one = usable.find((one) => one.id === $("recording").value);
        fill($("channel"), live.one.channels.filter((c) => ["ppg", "ecg", "abp"].includes(c.kind)).map((c) => h("option", { value: c.name }, c.name)));
      };
      $("recording").addEventListener("change", pick);
      pick();
      $("start").disabled = false;
    }
    if ((await modelOptions($("model"), "")).length) for (const model of (await get("/api/models")).models) live.models.set(model.name, model);
  } catch (error) {
    fill($("trouble"), problem(error));
  }
  paint();
}

$("start").addEventListener("click", () => (live.socket ? stop("closed") : start()));

function start() {
  live.channel = live.one.channels.find((c) => c.name === $("channel").value);
  Object.assign(live, { sent: 0, samples: [], answers: [], dropped: 0, last: null, latencies: [] });
  const query = new URLSearchParams({ rate: live.channel.rate, kind: live.channel.kind });
  live.sending = [live.channel];
  const model = live.models.get($("model").value);
  if (model) {
    query.set("model", model.name);
    const wanted = model.input.channels.map((name) => live.one.channels.find((c) => c.name === name) || live.one.channels.find((c) => c.kind === name));
    if (wanted.length > 1 || wanted[0]) live.sending = wanted;
    if (live.sending.some((c) => !c || c.rate !== live.channel.rate)) {
      fill($("trouble"), problem({ title: "The recording does not fit the model", detail: `it needs ${model.input.channels.join(", ")}, all at one rate`, fix: "choose another model or recording" }));
      return;
    }
  }
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/streams?${query}`);
  socket.binaryType = "arraybuffer";
  live.socket = socket;
  fill($("trouble"));
  fill($("log"));
  fill($("now"));
  $("start").textContent = "Stop";
  set("warming");
  socket.addEventListener("open", () => feed(socket).catch((error) => fill($("trouble"), problem(error))));
  socket.addEventListener("message", (event) => take(JSON.parse(event.data)));
  socket.addEventListener("close", (event) => {
    if (live.socket === socket) stop(event.code === 1000 || event.code === 1005 ? "closed" : "error", event.code === 1000 ? "the recording is at its end" : event.reason || (event.code === 1006 ? "the server closed the connection" : `closed with ${event.code}`));
  });
}

function stop(state, why = "") {
  const { socket } = live;
  live.socket = null;
  if (socket && socket.readyState < 2) socket.close(1000);
  $("start").textContent = "Start";
  set(state, why);
}

function set(state, why = "") {
  if (live.state !== state) say(`State: ${STATES[state] || state}`);
  live.state = state;
  $("state").textContent = STATES[state] || state;
  $("state").dataset.state = state;
  $("state-why").textContent = why;
}

/** Send the recording a quarter of a second at a time, as fast as was asked for. */
async function feed(socket) {
  const { channel, one } = live;
  const speed = Number($("speed").value);
  const begin_s = channel.start_s || 0;
  const end = begin_s + channel.samples / channel.rate;
  const piece = Math.max(1, Math.round(0.25 * channel.rate));
  const begun = performance.now();
  for (let from = begin_s; from < end && socket.readyState === 1; from += AHEAD_S) {
    const to = Math.min(from + AHEAD_S, end);
    const all = await Promise.all(live.sending.map((c) => raw(one.id, c, from, to)));
    const values = live.sending.includes(channel) ? all[live.sending.indexOf(channel)] : all[0];
    for (let i = 0; i < values.length && socket.readyState === 1; i += piece) {
      const part = values.slice(i, i + piece);
      const together = new Float32Array(part.length * all.length);
      all.forEach((one_, k) => together.set(one_.subarray(i, i + part.length), k * part.length));
      const due = begun + ((live.sent + part.length / channel.rate) * 1000) / speed;
      const wait = due - performance.now();
      if (wait > 4) await new Promise((done) => setTimeout(done, wait));
      if (socket.readyState !== 1) return;
      socket.send(together.buffer);
      live.sent += part.length / channel.rate;
      live.samples.push(...part);
      const most = Math.ceil(SHOWN_S * channel.rate);
      if (live.samples.length > most) live.samples.splice(0, live.samples.length - most);
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

function take(answer) {
  if (answer.error) fill($("trouble"), problem({ ...answer.error, title: "The stream was refused", detail: answer.error.what }));
  if (typeof answer.delay_s === "number") live.delay = answer.delay_s;
  if (answer.state) set(answer.state);
  if (typeof answer.dropped_samples === "number") live.dropped += answer.dropped_samples / live.channel.rate;
  if (typeof answer.lag_s === "number") live.latencies = [...live.latencies.slice(-200), answer.lag_s];
  const estimates = estimatesIn(answer);
  if (estimates.length) {
    live.last = answer;
    live.answers.push(answer);
    show();
  }
}

/** What an answer says of each quantity. */
function estimatesIn(answer) {
  return Object.entries(answer).filter(([, v]) => v && typeof v === "object" && !Array.isArray(v) && ("value" in v || "abstained" in v));
}

function show() {
  if (!live.last) return;
  fill($("now"), estimatesIn(live.last).map(([key, given]) => cell(given, name(key), given.abstained ? "" : clock(live.last.end_s ?? live.sent, 60))));
  const rows = live.answers.slice(-12).reverse();
  fill(
    $("log"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The last answers" }, h("table", {}, h("caption", {}, "The last answers, newest first."), h("thead", {}, h("tr", {}, ["Until", "State", "Quality", ...estimatesIn(rows[0]).map(([key]) => name(key))].map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, rows.map((a) => h("tr", {}, h("th", { scope: "row" }, clock(a.end_s ?? 0, 60)), h("td", {}, STATES[a.state] || a.state || "–"), h("td", {}, typeof a.quality === "number" ? a.quality.toFixed(2) : "–"), estimatesIn(a).map(([, g]) => h("td", {}, g.abstained ? h("span", { class: "abstained" }, reasons(g.abstained)) : [typeof g.value === "string" ? RHYTHMS[g.value] || g.value : `${figure(g.value, g.unit)} ${shownUnit(g.unit) ?? ""}`, h("small", {}, typeof g.value === "string" ? "" : range(g.low, g.high, g.unit))]))))))),
  );
}
onUnits(show);

function paint() {
  const canvas = $("live-plot");
  const made = begin(canvas);
  const { samples, channel } = live;
  $("sent").textContent = duration(live.sent);
  $("dropped").textContent = duration(live.dropped);
  const sorted = [...live.latencies].sort((a, b) => a - b);
  $("latency").textContent = sorted.length ? `${(1000 * sorted[sorted.length >> 1]).toFixed(0)} ms` : "–";
  $("latency-what").textContent = sorted.length ? `samples in to answer out, at most ${(1000 * sorted[sorted.length - 1]).toFixed(0)} ms${live.delay ? `; filters wait ${live.delay.toFixed(1)} s for samples` : ""}` : "samples in to answer out";
  if (made && samples.length && channel) {
    const { c, w, h: height } = made;
    let [low, high] = [Infinity, -Infinity];
    for (const v of samples) if (v === v) [low, high] = [Math.min(low, v), Math.max(high, v)];
    const total = SHOWN_S * channel.rate;
    const x = (i) => ((i + total - samples.length) / total) * w;
    const y = (v) => height - 12 - ((v - low) / (high - low || 1)) * (height - 24);
    let gap = null;
    c.beginPath();
    for (let i = 0; i < samples.length; i++) {
      if (samples[i] !== samples[i]) gap ??= i;
      else {
        if (gap !== null) hatch(c, x(gap), 0, x(i) - x(gap), height, colours.line);
        if (i && gap === null) c.lineTo(x(i), y(samples[i]));
        else c.moveTo(x(i), y(samples[i]));
        gap = null;
      }
    }
    c.strokeStyle = colours.ink;
    c.lineWidth = 1.4;
    c.stroke();
  } else if (made) {
    made.c.fillStyle = colours.muted;
    made.c.font = `14px ${getComputedStyle(document.body).fontFamily}`;
    made.c.fillText("The last twelve seconds appear here.", 8, made.h / 2);
  }
  setTimeout(() => requestAnimationFrame(paint), live.socket ? 30 : 400);
}

open();
