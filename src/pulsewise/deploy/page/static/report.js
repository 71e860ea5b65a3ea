// The report in its frame is a page of its own, which the browser prints; where it is gone, say so instead.

import { get } from "./api.js";
import { $, fill, problem } from "./dom.js";

get($("report").dataset.about)
  .then((about) => {
    $("print").disabled = false;
    const headline = about.headline || about.verdict?.headline;
    if (headline) document.title = `${headline} · pulsewise`;
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
  const inside = $("report").contentDocument?.documentElement;
  if (inside) new ResizeObserver(grow).observe(inside);
});
grow();
$("print").addEventListener("click", () => $("report").contentWindow.print());
