import { remove } from "./api.js";
import { $, fill, h, problem, say } from "./dom.js";

$("end").addEventListener("click", async () => {
  try {
    await remove("/api/sessions/current");
    fill($("ended"), h("p", { "data-testid": "ended" }, "The session has ended; its recordings and results are deleted."));
    say("The session has ended.");
  } catch (error) {
    fill($("ended"), problem(error));
  }
});
