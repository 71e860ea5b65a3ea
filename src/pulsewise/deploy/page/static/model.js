import { get } from "./api.js";
import { $, busy, fill, h, problem, table } from "./dom.js";
import { markdown } from "./markdown.js";
import { bytes, count, hertz, name } from "./words.js";

const into = $("model");
fill(into, busy("Reading the card …"));
try {
  const model = await get(`/api/models/${encodeURIComponent(location.pathname.split("/")[2])}`);
  $("title").textContent = model.title || model.name;
  document.title = `${model.title || model.name} · pulsewise`;
  const parameters = model.info?.parameters ?? model.info?.model?.parameters;
  const fact = (label, value, more, kind) => h("div", {}, h("dt", {}, label), h("dd", { class: kind }, value, more ? h("small", {}, more) : null));
  fill(
    into,
    model.synthetic ? h("p", { class: "stamp" }, h("strong", {}, "Trained on simulated people. "), "It says nothing about real ones.") : null,
    model.stamp ? h("p", { class: "stamp" }, model.stamp) : null,
    model.trained ? null : h("p", { class: "stamp" }, h("strong", {}, "Never trained. "), "It answers nothing unless it is forced to."),
    h("p", { class: "lead" }, model.intended_use),
    h("dl", { class: "facts" }, [
      fact("Estimates", model.quantities.map((q) => name(q.quantity)).join(", "), model.quantities.map((q) => q.unit).filter(Boolean).join(", ")),
      fact("From", model.input.channels.join(", "), `windows of ${Number(model.input.window_s.toFixed(2))} s at ${hertz(model.input.rate_hz)}`),
      fact("Computed by", model.runs_on, typeof parameters === "number" ? count(parameters, "parameter") : ""),
      fact("Fingerprint", model.fingerprint.slice(0, 12), "of weights and facts", "code"),
    ]),
    h("section", {}, h("h2", {}, "Card"), markdown(model.card)),
    h("section", {}, h("h2", {}, "Files"), table(Object.entries(model.files), [["File", ([file]) => file], ["Size", ([, f]) => bytes(f.bytes)], ["SHA-256", ([, f]) => h("code", {}, f.sha256), "name"]], "What the server loaded, and the hashes it was checked against.", { label: "Files", class: "words" })),
  );
} catch (error) {
  fill(into, problem(error));
}
