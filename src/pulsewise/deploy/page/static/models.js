import { get, offered } from "./api.js";
import { $, busy, empty, fill, h, problem, table } from "./dom.js";
import { shownUnit, onUnits } from "./units.js";
import { hertz, name } from "./words.js";

function stamps(model) {
  return [
    model.synthetic ? h("span", { class: "tag alert" }, "simulated people") : null,
    model.leaky ? h("span", { class: "tag alert" }, "leaky split") : null,
    model.trained ? null : h("span", { class: "tag alert" }, "untrained"),
  ].filter(Boolean).flatMap((tag) => [tag, " "]);
}

async function show() {
  const into = $("models");
  fill(into, busy("Looking …"));
  try {
    const { models } = offered("/api/models") ? await get("/api/models") : { models: [] };
    const draw = () =>
      fill(
        into,
        models.length
          ? table(
              models,
              [
                ["Model", (m) => [h("a", { href: `/models/${m.name}` }, m.title || m.name), " ", stamps(m), h("small", {}, m.name)], "name"],
                ["Estimates", (m) => m.quantities.map((q) => `${name(q.quantity)}${q.unit ? ` (${shownUnit(q.unit)})` : ""}`).join(", ")],
                ["From", (m) => `${m.input.channels.join(", ")}, ${Number(m.input.window_s.toFixed(2))} s at ${hertz(m.input.rate_hz)}`],
                ["Computed by", (m) => m.runs_on],
              ],
              "",
              { label: "Models", class: "words wide" },
            )
          : empty("No model is served", "Start the server with one: pulsewise serve runs/demo. Drawing, measuring and comparing need none."),
      );
    draw();
    onUnits(draw);
  } catch (error) {
    fill(into, problem(error));
  }
}

show();
