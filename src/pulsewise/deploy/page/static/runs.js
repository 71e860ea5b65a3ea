import { get, offered } from "./api.js";
import { $, busy, empty, fill, h, problem, table } from "./dom.js";
import { inOrder } from "./words.js";

const into = $("runs");
fill(into, busy("Looking …"));
try {
  const { runs } = offered("/api/runs") ? await get("/api/runs") : { runs: [] };
  fill(
    into,
    runs.length
      ? table(
          runs,
          [
            ["Run", (r) => h("a", { href: `/runs/${encodeURIComponent(r.name)}` }, r.name), "name"],
            ["Stages done", (r) => inOrder(r.stages).join(" → ") || "none yet"],
            ["Verdict", (r) => r.headline || "–", "text"],
          ],
          "",
          { label: "Runs", class: "words wide" },
        )
      : empty("No run is here yet", "pulsewise run leaves a folder per run; start the server with --runs FOLDER to see them."),
  );
} catch (error) {
  fill(into, error.status === 404 ? empty("No runs are shown", "Start the server with the folder they are in: pulsewise serve --runs runs.") : problem(error));
}
