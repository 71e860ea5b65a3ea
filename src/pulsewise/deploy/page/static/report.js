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

/** As tall as what it holds: one page to scroll, not two. */
function grow() {
  const frame = $("report");
  const inside = frame.contentDocument;
  if (inside?.body?.childElementCount) frame.style.height = `${inside.documentElement.getBoundingClientRect().height + 2}px`;
}

$("report").addEventListener("load", () => {
  grow();
  new ResizeObserver(grow).observe($("report").contentDocument.documentElement);
});
grow();
$("print").addEventListener("click", () => $("report").contentWindow.print());
