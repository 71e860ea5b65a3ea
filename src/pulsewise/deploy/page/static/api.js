// The same API that every other program has; errors arrive as RFC 9457 problems and leave as `Problem`.

export class Problem extends Error {
  constructor(body, status) {
    super(body.detail || body.title || `the server answered ${status}`);
    Object.assign(this, { title: body.title, detail: body.detail, code: body.code, where: body.where, fix: body.fix, status });
  }
}

const OFFERS = new Set((document.body.dataset.offers || "").split(" "));

/** Whether this server has a route, as the OpenAPI document writes it; a missing one is not asked for. */
export const offered = (route) => OFFERS.has(route);

async function ask(method, path, { body, headers, signal, raw } = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, body, headers, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "The server does not answer", detail: "It may have been stopped", fix: "start it again: pulsewise serve" }, 0);
  }
  if (answer.status === 401 && !path.startsWith("/api/sessions")) {
    location.assign(`/login?to=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (!answer.ok) {
    const found = await answer.json().catch(() => ({ title: `The server answered ${answer.status}` }));
    throw new Problem(found, answer.status);
  }
  if (raw) return answer;
  return answer.status === 204 ? null : answer.json();
}

const json = (value) => ({ body: JSON.stringify(value), headers: { "Content-Type": "application/json" } });

export const get = (path, more) => ask("GET", path, more);
export const remove = (path) => ask("DELETE", path);
export const post = (path, value) => ask("POST", path, value === undefined ? {} : json(value));
export const send = (path, form, more) => ask("POST", path, { body: form, ...more });
export const put = (path, text, type) => ask("PUT", path, { body: text, headers: { "Content-Type": type } });
export const getRaw = (path, more) => ask("GET", path, { raw: true, ...more });
