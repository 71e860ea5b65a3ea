// Names of quantities, reasons and times as people read them.

const NAMES = {
  heart_rate: "Heart rate", respiratory_rate: "Breathing rate", rhythm: "Rhythm", glucose: "Glucose", sbp: "Systolic pressure",
  dbp: "Diastolic pressure", map: "Mean pressure", af: "Atrial fibrillation", hypoglycemia: "Low glucose", hypertension: "Hypertension",
  spo2: "Oxygen saturation", qt: "QT interval", qtc: "QTc interval", rmssd: "RMSSD", sdnn: "SDNN", pnn50: "pNN50", mean_nn: "Mean NN interval",
  sd1: "SD1", sd2: "SD2", lf: "LF power", hf: "HF power", lf_hf: "LF/HF", alarm: "Alarm",
};

export const name = (key) => NAMES[key] || sentenceCase(String(key).replaceAll("_", " "));

const sentenceCase = (text) => (text ? text[0].toUpperCase() + text.slice(1) : text);

export const RHYTHMS = { sinus: "sinus rhythm", af: "atrial fibrillation", ectopy: "ectopic beats", other: "another rhythm", "": "not said" };

const REASONS = {
  flat: "the signal does not change", saturated: "clipped at the rails of the converter", no_contact: "the sensor is not on the skin",
  noise: "no pulse stands out from the noise", motion: "motion hides the pulse", ambient_light: "mains hum or ambient light dominates",
  too_short: "shorter than one window", gap: "samples are missing", wrong_modality: "not the kind of signal the model was made for",
  low_quality: "quality below the model’s threshold", few_beats: "too few beats", edge: "too near the start or the end",
  template: "unlike the recording’s other beats", outside_domain: "unlike what the model was trained on", other_device: "an unknown device",
  other_site: "an unknown site of the body", person_unknown: "what the model is given of the person (age, sex, build) is not known", other_age: "outside the ages the model knows", untrained: "the model was never trained",
  not_sinus: "not in sinus rhythm", unavailable: "not measured from such a signal", no_interval: "too few people to state an interval",
  no_number: "the table holds no number", impossible_value: "beyond what is possible",
  other_person: "the model was fitted to somebody else",
};

export const reason = (code) => REASONS[code] || String(code).replaceAll("_", " ");
export const reasons = (codes) => (codes || []).map(reason).join("; ");

const STAMPS = {
  synthetic: "Simulated people. The figures say nothing about real ones.",
  leaky: "A leaky split: the same people are on both sides. The figures are too good.",
};

/** What a stamp of a result means. */
export const stamp = (code) => STAMPS[code] || code;

const STAGES = ["fetch", "store", "split", "pretrain", "train", "evaluate", "report"];

/** Stages of a run in the order in which they come. */
export const inOrder = (stages) => [...stages].sort((a, b) => STAGES.indexOf(a) - STAGES.indexOf(b));

export function count(n, one, many = `${one}s`) {
  return `${Number(n).toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** A duration in words: 42 s, 9 min 30 s, 7 h 12 min. */
export function duration(s) {
  if (!Number.isFinite(s)) return "unknown";
  if (s < 120) return `${s < 10 ? Number(s.toFixed(2)) : Number(s.toFixed(1))} s`;
  const minutes = Math.floor(Math.round(s) / 60);
  if (minutes < 120) return `${minutes} min${Math.round(s) % 60 ? ` ${Math.round(s) % 60} s` : ""}`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
}

/** Time since the start of the recording: 1:02:03.5; as many decimals as a view of `span` seconds needs. */
export function clock(s, span = 60) {
  const decimals = span < 2 ? 2 : span < 20 ? 1 : 0;
  const sign = s < 0 ? "−" : "";
  const whole = Number(Math.abs(s).toFixed(decimals));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const seconds = (whole % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  return hours ? `${sign}${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${sign}${minutes}:${seconds}`;
}

export function bytes(n) {
  return n >= 2 ** 20 ? `${(n / 2 ** 20).toFixed(1)} MiB` : n >= 1024 ? `${(n / 1024).toFixed(0)} KiB` : `${n} bytes`;
}

/** A rate without trailing zeros. */
export const hertz = (rate) => `${Number(rate.toFixed(3))} Hz`;

export const day = (iso) => (iso ? iso.replace("T", " ").replace(/(:\d\d)(\.\d+)?(\+00:00|Z)$/, "$1 UTC") : "unknown");
