// Two columns in, a full validation out.

import { send } from "./api.js";
import { $, busy, fill, h, problem, say, sentence, table } from "./dom.js";
import { count, stamp } from "./words.js";

const UNITS = {
  glucose: ["mg/dL", "mmol/L"], sbp: ["mmHg", "kPa"], dbp: ["mmHg", "kPa"], map: ["mmHg", "kPa"], heart_rate: ["bpm"], respiratory_rate: ["breaths/min"], spo2: ["%"],
};
let chosen = null;

$("quantity").addEventListener("change", units);
function units() {
  const known = UNITS[$("quantity").value] || [];
  fill($("unit"), h("option", { value: "" }, "as the header says"), known.map((u) => h("option", { value: u }, u)));
}
units();

const drop = $("drop");
$("file").addEventListener("change", () => $("file").files[0] && take($("file").files[0]));
for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => (event.preventDefault(), drop.classList.add("over")));
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
});
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
$("pasted").addEventListener("input", () => {
  const text = $("pasted").value.trim();
  chosen = text ? new File([`${text}\n`], "pasted.csv", { type: "text/csv" }) : null;
  if (text) look(text, "Pasted table");
});

async function take(file) {
  chosen = file;
  $("drop-title").textContent = file.name;
  if (/\.parquet$/i.test(file.name)) fill($("preview"));
  else look(await file.slice(0, 65536).text(), file.name);
}

/** Show what the table begins with, and offer its columns by name. */
function look(text, name) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  if (!lines.length) {
    fill($("preview"), problem({ title: "The table is empty", detail: `${name} holds no line`, fix: "choose another file" }));
    return;
  }
  const mark = ["\t", ";", ","].find((m) => lines[0].includes(m)) || ",";
  const cells = lines.slice(0, 5).map((line) => line.split(mark).map((cell) => cell.trim().replace(/^"|"$/g, "")));
  const [head, ...rows] = cells;
  for (const select of document.querySelectorAll("select.column")) {
    const before = select.value;
    fill(select, h("option", { value: "" }, "found by its name"), head.map((column) => h("option", { value: column, selected: column === before }, column)));
  }
  $("which").textContent = `${name}: ${head.length} columns.`;
  fill($("preview"), rows.length ? table(rows, head.map((column, i) => [column, (row) => row[i] ?? ""]), "The first rows.", { label: "The first rows of the table" }) : null);
}

$("compare").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!chosen) {
    fill($("answer"), problem({ title: "No table yet", detail: "drop a file or paste two columns first" }));
    $("file").focus();
    return;
  }
  const form = new FormData();
  form.append("table", chosen, chosen.name);
  for (const [key, value] of new FormData($("compare"))) if (typeof value === "string" && value) form.append(key, value);
  fill($("answer"), busy("Resampling people for the intervals …"));
  try {
    show(await send("/api/compare", form));
  } catch (error) {
    fill($("answer"), problem(error));
  }
});

function show(answer) {
  const { result, report } = answer;
  const { id } = answer;
  const part = result.quantities?.[0];
  fill(
    $("answer"),
    (result.stamps || []).map((text) => h("p", { class: "stamp" }, stamp(text))),
    h("h2", { id: "verdict", tabindex: "-1" }, sentence(result.verdict.headline)),
    part ? h("p", { class: "lead", "data-testid": "verdict" }, part.verdict?.sentence ?? "") : null,
    part?.views ? h("p", { class: "note" }, `${count(part.views[0].n, "pair")}${part.views[0].people ? ` of ${count(part.views[0].people, "person", "people")}` : "; the table does not say who is who"}.`) : null,
    h("div", { class: "actions" }, h("a", { class: "button main", href: `/reports/${id}`, "data-testid": "open-report" }, "Open the report"), h("a", { class: "button", href: `${report}/result.json`, download: "" }, "result.json"), h("a", { class: "button", href: `${report}/rows.csv`, download: "" }, "rows.csv"), h("a", { class: "button", href: `${report}/figures.csv`, download: "" }, "figures.csv")),
    h("iframe", { class: "report", title: "Report", src: report, sandbox: "" }),
  );
  say(result.verdict.headline);
  $("verdict").focus({ preventScroll: true });
  $("verdict").scrollIntoView({ block: "start" });
}
