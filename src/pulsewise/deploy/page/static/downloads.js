// Every table that can be made of a recording, as a file: the list stands in the page, this makes it point somewhere.

/** Link what can be made; what needs a model or a measurement that is not there says so. */
export function downloads(into, path, state) {
  for (const item of into.querySelectorAll("[data-form]")) {
    const needs = item.dataset.needs.split(" ").filter(Boolean);
    const link = item.querySelector("a");
    const model = needs.includes("model") || needs.includes("predicted");
    const windows = state.one.windows && !model && item.dataset.form !== "references" && item.dataset.form !== "edits";
    const estimates = item.dataset.form === "glucose" && !(state.predicted?.summary || []).some((s) => s.quantity === "glucose");
    const lacks = model && !state.model ? "needs a model" : windows ? "needs a recording" : estimates ? "the model does not estimate it" : needs.includes("measured") && !state.measured ? "nothing was measured" : "";
    if (lacks) {
      link.removeAttribute("href");
      link.setAttribute("aria-disabled", "true");
    } else {
      const query = new URLSearchParams();
      if (state.channel) query.set("channel", state.channel.name);
      if (model) query.set("model", state.model);
      link.href = `${path}/download/${item.dataset.form}?${query}`;
      link.setAttribute("download", "");
      link.removeAttribute("aria-disabled");
    }
    item.dataset.lacks = lacks;
  }
}
