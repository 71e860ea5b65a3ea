// A stream as it comes: one that a program feeds, or a recording sent as a sensor would send it.

import { get } from "./api.js";
import { $, empty, fill, h, problem, say } from "./dom.js";
import { modelOptions } from "./estimates.js";
import { streamList, watch } from "./follow.js";
import { feed } from "./replay.js";
import { Strip } from "./strip.js";
import { figure, onUnits, range, shownUnit } from "./units.js";
import { cell } from "./vitals.js";
import { RHYTHMS, clock, count, duration, name, reasons } from "./words.js";

const STATES = { warming: "warming up", ok: "ok", low_quality: "low quality", no_contact: "no contact", stale: "stale: nothing arrives", error: "error", closed: "ended", idle: "not started" };
const strip = new Strip($("live-plot"));
const live = { socket: null, following: null, one: null, rate: 1, sent: 0, answers: [], state: "idle", dropped: 0, skipped: 0, last: null, latencies: [], delay: 0, models: new Map() };
const streams = streamList($("streams"), (one) => (live.following === one.id ? stop("closed") : follow(one)), STATES);

window.__plot = { state: () => ({ state: live.state, sent_s: live.sent, answers: live.answers.length, dropped: live.dropped, skipped: live.skipped, shown: strip.points, latest: strip.latest, last: live.last, following: live.following, streams: streams.count() }) };

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

$("start").addEventListener("click", () => (live.socket && !live.following ? stop("closed") : start()));

/** Make room for another stream. */
function clear(names, rate) {
  if (live.socket) stop("idle");
  Object.assign(live, { rate, sent: 0, answers: [], dropped: 0, skipped: 0, last: null, latencies: [], delay: 0 });
  strip.reset(names, rate);
  for (const id of ["trouble", "log", "now", "skipped"]) fill($(id));
  set("warming");
}

function follow(one) {
  clear(one.channels, one.rate_hz);
  live.following = one.id;
  $("sent-what").textContent = `of signal from ${one.name}`;
  const socket = watch(one.id, {
    points: (channel, xs, ys) => {
      if (live.socket !== socket) return;
      strip.push(channel, xs, ys);
      live.sent = strip.latest;
    },
    said: (answer) => live.socket === socket && take(answer),
    closed: (event) => {
      if (live.socket === socket) stop(event.code === 1000 ? "closed" : "error", event.code === 1000 ? "the sender is done" : event.reason || "the server closed the connection");
    },
  });
  live.socket = socket;
  streams.mark(one.id);
}

function start() {
  const channel = live.one.channels.find((c) => c.name === $("channel").value);
  const query = new URLSearchParams({ rate: channel.rate, kind: channel.kind });
  let sending = [channel];
  const model = live.models.get($("model").value);
  if (model) {
    query.set("model", model.name);
    const wanted = model.input.signals.map((name) => live.one.channels.find((c) => c.name === name) || live.one.channels.find((c) => c.kind === name));
    if (wanted.length > 1 || wanted[0]) sending = wanted;
    if (sending.some((c) => !c || c.rate !== sending[0].rate)) {
      fill($("trouble"), problem({ title: "The recording does not fit the model", detail: `it needs ${model.input.signals.join(", ")}, all at one rate`, fix: "choose another model or recording" }));
      return;
    }
  }
  query.set("rate", sending[0].rate);
  clear(sending.map((c) => c.name), sending[0].rate);
  $("sent-what").textContent = "of signal";
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/streams?${query}`);
  socket.binaryType = "arraybuffer";
  live.socket = socket;
  $("start").textContent = "Stop";
  const sent = (from, parts) => {
    parts.forEach((part, k) => strip.push(k, Array.from(part, (_, i) => from + i / live.rate), part));
    live.sent = from + parts[0].length / live.rate;
  };
  socket.addEventListener("open", () => feed(socket, live.one.id, sending, Number($("speed").value), sent).catch((error) => fill($("trouble"), problem(error))));
  socket.addEventListener("message", (event) => live.socket === socket && take(JSON.parse(event.data)));
  socket.addEventListener("close", (event) => {
    if (live.socket === socket) stop(event.code === 1000 || event.code === 1005 ? "closed" : "error", event.code === 1000 ? "the recording is at its end" : event.reason || (event.code === 1006 ? "the server closed the connection" : `closed with ${event.code}`));
  });
}

function stop(state, why = "") {
  const { socket } = live;
  Object.assign(live, { socket: null, following: null });
  streams.mark(null);
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

function take(answer) {
  if (answer.error) fill($("trouble"), problem({ ...answer.error, title: "The stream was refused", detail: answer.error.what }));
  if (typeof answer.delay_s === "number") live.delay = answer.delay_s;
  if (answer.state && answer.state !== "closed") set(answer.state);
  if (typeof answer.dropped_samples === "number") live.dropped += answer.dropped_samples / live.rate;
  if (typeof answer.dropped_frames === "number") {
    live.skipped += answer.dropped_frames;
    fill($("skipped"), `This page came too late for ${count(live.skipped, "message")}, which were left out here. Whoever sends was not slowed down.`);
  }
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
  $("sent").textContent = duration(live.sent);
  $("dropped").textContent = duration(live.dropped);
  const sorted = [...live.latencies].sort((a, b) => a - b);
  $("latency").textContent = sorted.length ? `${(1000 * sorted[sorted.length >> 1]).toFixed(0)} ms` : "–";
  $("latency-what").textContent = sorted.length ? `samples in to answer out, at most ${(1000 * sorted[sorted.length - 1]).toFixed(0)} ms${live.delay ? `; filters wait ${live.delay.toFixed(1)} s for samples` : ""}` : "samples in to answer out";
  strip.paint();
  setTimeout(() => requestAnimationFrame(paint), live.socket ? 30 : 400);
}

open();
