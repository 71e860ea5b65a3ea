// The report in its frame is a page of its own, which the browser prints; where it is gone, say so instead.

import { get } from "./api.js";
import { $, fill, problem } from "./dom.js";

get(`/api/reports/${encodeURIComponent(location.pathname.split("/")[2])}/result.json`)
  .then((result) => {
    $("print").disabled = false;
    if (result.verdict?.headline) document.title = `${result.verdict.headline} · pulsewise`;
  })
  .catch((error) => {
    $("report").hidden = true;
    fill($("trouble"), problem(error));
  });

$("print").addEventListener("click", () => $("report").contentWindow.print());
