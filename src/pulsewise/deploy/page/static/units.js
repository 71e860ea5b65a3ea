// Glucose in mg/dL or mmol/L, pressure in mmHg or kPa, on every page; what is stored and sent stays as it was.

const FACTORS = { "mg/dL": ["mmol/L", 1 / 18.0156, 1], mmHg: ["kPa", 1 / 7.500617, 1] };
const DIGITS = { "mg/dL": 0, "mmol/L": 1, mmHg: 0, kPa: 1, bpm: 0, "breaths/min": 1, ms: 0, s: 3, "%": 1, "°C": 1 };
const KEPT = "pulsewise-units";

const chosen = Object.assign({ glucose: "mg/dL", pressure: "mmHg" }, read());

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) || {};
  } catch {
    return {};
  }
}

/** The unit a stored unit is shown in. */
export function shownUnit(unit) {
  const wanted = unit === "mg/dL" ? chosen.glucose : unit === "mmHg" ? chosen.pressure : unit;
  return wanted;
}

/** A value in the unit it is shown in. */
export function shown(value, unit) {
  return value !== null && value !== undefined && shownUnit(unit) !== unit ? value * FACTORS[unit][1] : value;
}

/** A number for reading, in the chosen unit, without the unit. */
export function figure(value, unit, more = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const to = shownUnit(unit);
  const digits = to in DIGITS ? DIGITS[to] + more : Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return shown(value, unit).toFixed(digits).replace("-", "−");
}

/** Value and unit. */
export function amount(value, unit, more) {
  const to = shownUnit(unit);
  return `${figure(value, unit, more)}${to === "%" ? " %" : to && to !== "a.u." ? ` ${to}` : ""}`;
}

/** "72 to 78" in the chosen unit. */
export function range(low, high, unit, more) {
  return low === null || low === undefined ? "" : `${figure(low, unit, more)} to ${figure(high, unit, more)}`;
}

export function onUnits(call) {
  document.addEventListener("pulsewise-units", call);
}

for (const radio of document.querySelectorAll("[data-testid=units] input")) {
  const dimension = radio.name.replace("unit-", "");
  radio.checked = chosen[dimension] === radio.value;
  radio.addEventListener("change", () => {
    chosen[dimension] = radio.value;
    try {
      localStorage.setItem(KEPT, JSON.stringify(chosen));
    } catch {
      // the choice then lasts as long as the page
    }
    document.dispatchEvent(new CustomEvent("pulsewise-units"));
  });
}
