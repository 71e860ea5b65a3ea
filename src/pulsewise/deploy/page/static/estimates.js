// Estimates of a model, in whatever nesting they come, as rows per quantity.

import { get, offered } from "./api.js";
import { h } from "./dom.js";
import { name } from "./words.js";

/** Fill a choice of models; the names that there are. */
export async function modelOptions(select, chosen) {
  let models = [];
  try {
    if (offered("/api/models")) models = (await get("/api/models")).models || [];
  } catch {
    // a server without models still draws and measures
  }
  for (const model of models) select.append(h("option", { value: model.name, selected: model.name === chosen }, model.name));
  if (!models.length) select.disabled = true;
  return models.map((m) => m.name);
}

/** Rows of one or several recordings of a prediction, flat. */
function rowsIn(predicted) {
  return predicted.windows || predicted.estimates || (predicted.recordings || []).flatMap((one) => one.windows) || [];
}

export function summariesIn(predicted) {
  return predicted.summary || (predicted.recordings || []).flatMap((one) => one.summary) || [];
}

/** Quantities with their rows, in the order they come. */
export function quantitiesOf(predicted) {
  const found = new Map();
  for (const row of rowsIn(predicted)) {
    if (!found.has(row.quantity)) found.set(row.quantity, { key: row.quantity, title: name(row.quantity), unit: row.unit, rows: [] });
    found.get(row.quantity).rows.push(row);
  }
  return [...found.values()];
}
