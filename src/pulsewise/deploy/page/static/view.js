// The stretch of time that all lanes show; the address of the page follows it.

const SHORTEST = 0.25;

export class View {
  constructor(start, end) {
    Object.assign(this, { start, end, t0: start, t1: end, listeners: [], moved: 0 });
  }

  get span() {
    return this.t1 - this.t0;
  }

  onChange(call) {
    this.listeners.push(call);
  }

  /** Show t0 to t1, kept inside the recording. */
  set(t0, t1) {
    const span = Math.min(Math.max(t1 - t0, Math.min(SHORTEST, this.end - this.start)), this.end - this.start);
    const from = Math.min(Math.max(t0, this.start), this.end - span);
    if (from === this.t0 && from + span === this.t1) return;
    this.t0 = from;
    this.t1 = from + span;
    this.moved += 1;
    for (const call of this.listeners) call(this);
  }

  /** Move by a share of what is shown. */
  pan(share) {
    this.set(this.t0 + share * this.span, this.t1 + share * this.span);
  }

  /** Closer (factor < 1) or away, keeping the time `at` where it is. */
  zoom(factor, at = (this.t0 + this.t1) / 2) {
    const span = Math.min(Math.max(this.span * factor, SHORTEST), this.end - this.start);
    const share = (at - this.t0) / this.span;
    this.set(at - share * span, at + (1 - share) * span);
  }

  /** Show a time in the middle unless it is in view already. */
  reveal(t) {
    if (t < this.t0 + 0.1 * this.span || t > this.t1 - 0.1 * this.span) this.set(t - this.span / 2, t + this.span / 2);
  }
}

/** Mouse, wheel, touch and pinch on an element whose inner left edge is at `gutter()` pixels. */
export function gestures(element, view, { gutter, onTap, onHover, onDrag }) {
  const fingers = new Map();
  let before = null;
  const width = () => element.clientWidth - gutter();
  const timeAt = (x) => view.t0 + ((x - element.getBoundingClientRect().left - gutter()) / width()) * view.span;
  const middle = () => {
    const xs = [...fingers.values()].map((f) => f.x);
    return { x: xs.reduce((a, b) => a + b, 0) / xs.length, apart: xs.length > 1 ? Math.abs(xs[0] - xs[1]) : 0 };
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX });
    before = { ...middle(), down: event.clientX, dragged: false };
  });
  element.addEventListener("pointermove", (event) => {
    onHover?.(timeAt(event.clientX));
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, { x: event.clientX });
    const now = middle();
    if (Math.abs(event.clientX - before.down) > 4 || fingers.size > 1) before.dragged = true;
    if (!before.dragged) return;
    onDrag?.(true);
    if (fingers.size > 1 && before.apart > 10 && now.apart > 10) view.zoom(before.apart / now.apart, timeAt(now.x));
    const by = ((before.x - now.x) / width()) * view.span;
    view.set(view.t0 + by, view.t1 + by);
    Object.assign(before, now);
  });
  const up = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    if (!fingers.size) onDrag?.(false);
    if (event.type === "pointerup" && !before.dragged) onTap?.(timeAt(event.clientX), event);
    if (fingers.size) Object.assign(before, middle());
  };
  for (const kind of ["pointerup", "pointercancel"]) element.addEventListener(kind, up);
  element.addEventListener("pointerleave", () => onHover?.(null));
  element.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) view.zoom(Math.exp(event.deltaY * 0.004), timeAt(event.clientX));
      else view.pan(event.deltaX / width());
    },
    { passive: false },
  );
  element.addEventListener("dblclick", (event) => {
    if (!element.classList.contains("editing")) view.zoom(event.shiftKey ? 4 : 0.25, timeAt(event.clientX));
  });
}

/** Keys while the curves have the focus. `more` handles what is special to a page and says whether it did. */
export function keys(element, view, more) {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== element) return;
    const big = event.shiftKey ? 1 : 0.25;
    const acts = {
      ArrowLeft: () => view.pan(-big),
      ArrowRight: () => view.pan(big),
      "+": () => view.zoom(0.5),
      "=": () => view.zoom(0.5),
      "-": () => view.zoom(2),
      Home: () => view.set(view.start, view.start + view.span),
      End: () => view.set(view.end - view.span, view.end),
      0: () => view.set(view.start, view.end),
      PageUp: () => view.pan(-1),
      PageDown: () => view.pan(1),
    };
    const act = acts[event.key];
    if (act) act();
    if (act || more?.(event)) event.preventDefault();
  });
}
