// Beats corrected by hand: what is about to change, who changes it and why, and what was changed before.

import { get, offered, post } from "./api.js";
import { $, fill, h, problem, say, table } from "./dom.js";
import { first } from "./lanes.js";
import { clock, count, day } from "./words.js";

const NEAR_PX = 9;

export class BeatEditor {
  constructor(path, scope, view, { onApplied, channel }) {
    Object.assign(this, { path, scope, view, onApplied, channel, on: false, add: [], remove: [] });
    $("edit").addEventListener("click", () => this.toggle());
    $("edits").addEventListener("submit", (event) => {
      event.preventDefault();
      this.apply();
    });
    $("undo").addEventListener("click", () => this.clear());
    this.trail();
  }

  toggle(on = !this.on) {
    this.on = on;
    $("edit").setAttribute("aria-pressed", String(on));
    $("edit").textContent = on ? "Stop correcting" : "Correct beats";
    $("edit-how").hidden = !on;
    document.getElementById("wave").classList.toggle("editing", on);
    if (on) {
      if (this.view.span > 30) this.view.zoom(12 / this.view.span);
      this.scope.cursor = this.scope.cursor ?? (this.view.t0 + this.view.t1) / 2;
      $("view").focus({ preventScroll: true });
      $("signal").scrollIntoView({ block: "start" });
    } else {
      this.scope.cursor = null;
      this.clear();
    }
    this.scope.draw();
  }

  /** A beat within a few pixels of a time, else null. */
  near(t) {
    const reach = (NEAR_PX / this.scope.parts.quality.clientWidth) * this.view.span;
    const { beats } = this.scope;
    const i = first(beats, t);
    const found = [beats[i - 1], beats[i]].filter((b) => b !== undefined && Math.abs(b - t) <= reach);
    return found.sort((a, b) => Math.abs(a - t) - Math.abs(b - t))[0] ?? null;
  }

  tap(t) {
    if (!this.on) return;
    this.scope.cursor = t;
    this.change(t);
  }

  change(t) {
    const beat = this.near(t);
    const reach = (NEAR_PX / this.scope.parts.quality.clientWidth) * this.view.span;
    const drop = (list, time) => {
      const i = list.findIndex((x) => Math.abs(x - time) <= reach);
      if (i >= 0) list.splice(i, 1);
      return i >= 0;
    };
    if (!drop(this.add, t) && !drop(this.remove, beat ?? t)) (beat === null ? this.add : this.remove).push(Number((beat ?? t).toFixed(4)));
    this.show();
  }

  key(event) {
    if (!this.on) return false;
    const { beats, cursor } = this.scope;
    const now = cursor ?? this.view.t0;
    const step = this.view.span / 400;
    const acts = {
      b: () => this.goto(beats[first(beats, now + 0.001)]),
      B: () => this.goto(beats[first(beats, now - 0.001) - 1]),
      ".": () => this.goto(now + step),
      ",": () => this.goto(now - step),
      Enter: () => this.change(now),
      Escape: () => this.toggle(false),
    };
    acts[event.key]?.();
    return event.key in acts;
  }

  goto(t) {
    if (t === undefined) return;
    this.scope.cursor = t;
    this.scope.onCursor?.();
    this.view.reveal(t);
    say(`${clock(t, 10)}${this.near(t) === null ? "" : ", a beat"}`);
    this.scope.draw();
  }

  clear() {
    this.add = [];
    this.remove = [];
    this.show();
  }

  show() {
    const { add, remove } = this;
    this.scope.pending = add.length || remove.length ? { add, remove } : null;
    $("edits").hidden = !this.scope.pending;
    const bits = [add.length && `${count(add.length, "beat")} to add`, remove.length && `${count(remove.length, "beat")} to remove`].filter(Boolean);
    $("pending").textContent = bits.length ? `${bits.join(", ")}. Nothing is changed yet.` : "";
    this.scope.draw();
  }

  async apply() {
    const { add, remove } = this;
    const body = { who: $("who").value.trim(), why: $("why").value.trim(), add, remove, signal: this.channel().name };
    try {
      await post(`${this.path}/edits`, body);
    } catch (error) {
      fill($("trail"), problem(error));
      return;
    }
    $("why").value = "";
    this.clear();
    say("The correction is kept; everything is computed again.");
    await this.onApplied();
    await this.trail();
  }

  /** New beats came: nothing that refers to the old ones stays. */
  measured() {
    this.clear();
  }

  async trail() {
    if (!offered("/api/recordings/{recording}/edits")) return;
    let found;
    try {
      found = await get(`${this.path}/edits`);
    } catch {
      return;
    }
    const entries = found.edits || found.corrections || [];
    const times = (entry, action) => (entry[action] || (entry.edits || []).filter((e) => e.action === action).map((e) => e.time_s)).map((t) => clock(t, 10));
    fill(
      $("trail"),
      entries.length
        ? table(
            entries,
            [
              ["When", (e) => day(e.at || ""), "tight"],
              ["Who", (e) => e.who],
              ["Why", (e) => e.why, "text"],
              ["Added", (e) => times(e, "add").join(", ") || "–"],
              ["Removed", (e) => times(e, "remove").join(", ") || "–"],
            ],
            "Every correction so far. It goes into the report and every download.",
            { label: "Corrections", class: "words wide" },
          )
        : h("p", { class: "note" }, "No beat has been corrected."),
    );
  }
}
