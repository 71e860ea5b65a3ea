import { Problem } from "./api.js";
import { $, fill, problem } from "./dom.js";

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/api/sessions", { method: "POST", headers: { Authorization: `Bearer ${$("token").value.trim()}` } }).catch(() => null);
  if (answer?.ok) {
    const to = new URLSearchParams(location.search).get("to") || "/";
    location.assign(/^\/(?![/\\])/.test(to) ? to : "/");
    return;
  }
  fill($("told"), problem(new Problem(answer ? await answer.json() : { title: "The server does not answer" }, answer?.status)));
});
