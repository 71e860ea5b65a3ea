// Elements from values. Text is always text: nothing that came from a file is ever read as HTML.

/** An element: h("p", {class: "note"}, "text", child, …). Keys with "on" are listeners, `data` is the dataset. */
export function h(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(made.dataset, value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return made;
}

export const $ = (id) => document.getElementById(id);

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** Say it to those who do not see the change. */
export function say(text) {
  $("said").textContent = text;
}

export const busy = (text) => h("p", { class: "busy-line", "data-testid": "busy" }, text);

export function empty(title, ...more) {
  return h("div", { class: "empty", "data-testid": "empty" }, h("strong", {}, title), ...more);
}

/** What went wrong, as the server says it: what, where, what to do, and the code. */
export function problem(error) {
  const code = error.code ? h("code", {}, error.code) : null;
  return h(
    "div",
    { class: "problem", role: "alert", "data-testid": "problem" },
    h("strong", {}, sentence(error.title || "That did not work")),
    h("p", {}, sentence(error.detail || String(error.message || error)), error.where ? ` (${error.where})` : ""),
    error.fix ? h("p", {}, `What to do: ${error.fix}`) : null,
    code ? h("p", {}, code) : null,
  );
}

export function sentence(text) {
  const t = String(text).trim();
  return t ? t[0].toUpperCase() + t.slice(1) + (/[.!?…:]$/.test(t) ? "" : ".") : "";
}

/** A table: columns are [heading, how to fill a cell from a row, class]; the first column heads its row. */
export function table(rows, columns, caption, more = {}) {
  const head = columns.map(([name, , kind]) => h("th", { scope: "col", class: kind }, name));
  const cell = (row, [, fillCell, kind], i) => h(i ? "td" : "th", i ? { class: kind } : { class: kind, scope: "row" }, fillCell(row));
  const body = rows.map((row) => h("tr", {}, columns.map((column, i) => cell(row, column, i))));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": more.label || caption || "Table" },
    h("table", { class: more.class, "data-testid": more.testid }, caption ? h("caption", {}, caption) : null, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)),
  );
}

/** One colour of the page's palette, for a canvas. */
export const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Call when light turns to dark or back. */
export function onTheme(call) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", call);
}
