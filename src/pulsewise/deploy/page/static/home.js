// Drop a recording, or open one of this session.

import { get, getRaw, remove, send } from "./api.js";
import { $, busy, fill, h, problem, say } from "./dom.js";
import { count, duration, hertz } from "./words.js";

const drop = $("drop");
const input = $("files");
const told = $("said-of-upload");
let last = null;

input.addEventListener("change", () => input.files.length && upload([...input.files]));
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
$("upload").addEventListener("submit", (event) => {
  event.preventDefault(); // Enter in a field
  if (last) upload(last);
});
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) upload([...event.dataTransfer.files]);
});
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());

for (const button of document.querySelectorAll("[data-demo]")) {
  button.addEventListener("click", async () => {
    wait("Making a simulated recording …");
    try {
      const answer = await getRaw(`/demo/${button.dataset.demo}`);
      await upload([new File([await answer.blob()], `demo-${button.dataset.demo}.edf`)], new URLSearchParams());
    } catch (error) {
      failed(error);
    }
  });
}

function wait(text) {
  drop.classList.add("busy");
  fill(told, busy(text));
}

function failed(error) {
  drop.classList.remove("busy");
  input.value = "";
  if (error.code !== "sampling_rate" || !last) {
    fill(told, problem(error));
    return;
  }
  error.fix = "state it below and read the file again";
  fill(told, problem(error), h("div", { class: "actions" }, h("button", { type: "button", class: "main", "data-testid": "again", onclick: () => upload(last) }, "Read again")));
  $("how").open = true;
  document.querySelector("[name=rate]").focus();
}

async function upload(files, options = given()) {
  last = files;
  wait(`Reading ${files.length === 1 ? files[0].name : count(files.length, "file")} …`);
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  try {
    const answer = await send(`/api/recordings?${options}`, form);
    const refused = answer.errors || [];
    if (answer.recordings.length === 1 && !refused.length) {
      location.assign(`/recordings/${answer.recordings[0].id}`);
      return;
    }
    fill(told, h("p", {}, `${count(answer.recordings.length, "recording")} read.`), refused.map((one) => problem({ ...one, title: one.file, detail: one.what || one.detail })));
    drop.classList.remove("busy");
    await list();
  } catch (error) {
    failed(error);
  }
}

function given() {
  const options = new URLSearchParams();
  for (const [key, value] of new FormData($("upload"))) {
    if (typeof value !== "string" || !value) continue;
    if (["age", "sex", "height", "weight"].includes(key)) options.append("about", `${key}=${value}`);
    else options.set(key, value);
  }
  return options;
}

function row(one) {
  const forget = async () => {
    await remove(`/api/recordings/${one.id}`).catch(() => null);
    say(`${one.name} deleted`);
    list();
  };
  const what = one.windows
    ? "ready-made windows"
    : `${duration(one.duration_s)}, ${one.channels.map((c) => `${c.name} at ${hertz(c.rate)}`).slice(0, 3).join(", ")}${one.channels.length > 3 ? ` and ${one.channels.length - 3} more` : ""}`;
  return h(
    "li",
    {},
    h("div", {}, h("a", { href: `/recordings/${one.id}` }, one.name), " ", one.synthetic ? h("span", { class: "tag" }, "simulated") : null, h("small", {}, what)),
    h("span", {}, h("a", { class: "button", href: `/recordings/${one.id}/result`, "aria-label": `Result of ${one.name}` }, "Result"), " ", h("button", { class: "quiet", type: "button", onclick: forget, "aria-label": `Delete ${one.name}` }, "Delete")),
  );
}

async function list() {
  try {
    const { recordings } = await get("/api/recordings");
    $("here").hidden = !recordings.length;
    fill($("recordings"), recordings.map(row));
  } catch (error) {
    fill(told, problem(error));
  }
}

list();
