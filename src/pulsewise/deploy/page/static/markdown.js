// As much Markdown as model cards use, made into elements and never into HTML text.

import { h } from "./dom.js";

const INLINE = /(\*\*[^*]+\*\*|`[^`]+`|\[[^\]]+\]\([^)\s]+\))/;

function inline(text) {
  return text.split(INLINE).map((part) => {
    if (/^\*\*.+\*\*$/.test(part)) return h("strong", {}, part.slice(2, -2));
    if (/^`.+`$/.test(part)) return h("code", {}, part.slice(1, -1));
    const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part);
    return link ? link[1] : part; // links lead off this machine: their words are enough
  });
}

/** A card as elements; its head between lines of dashes is left out. Headings go one level down. */
export function markdown(text) {
  const lines = text.replace(/^---\n[\s\S]*?\n---\n/, "").split("\n");
  const made = [];
  for (let i = 0; i < lines.length; ) {
    const line = lines[i];
    const heading = /^(#{1,4})\s+(.*)/.exec(line);
    if (!line.trim()) i += 1;
    else if (heading) {
      if (heading[1].length > 1) made.push(h("h3", {}, inline(heading[2])));
      i += 1;
    } else if (line.startsWith("```")) {
      const end = lines.findIndex((l, k) => k > i && l.startsWith("```"));
      made.push(h("pre", { tabindex: "0" }, lines.slice(i + 1, end < 0 ? undefined : end).join("\n")));
      i = end < 0 ? lines.length : end + 1;
    } else if (line.startsWith("|")) {
      const block = [];
      while (i < lines.length && lines[i].startsWith("|")) block.push(lines[i++]);
      made.push(grid(block));
    } else if (/^[-*]\s/.test(line)) {
      const items = [];
      while (i < lines.length && (/^[-*]\s/.test(lines[i]) || /^\s+\S/.test(lines[i]))) {
        if (/^[-*]\s/.test(lines[i])) items.push(lines[i].slice(2));
        else items[items.length - 1] += ` ${lines[i].trim()}`;
        i += 1;
      }
      made.push(h("ul", {}, items.map((item) => h("li", {}, inline(item)))));
    } else {
      const block = [];
      while (i < lines.length && lines[i].trim() && !/^(#|```|\||[-*]\s)/.test(lines[i])) block.push(lines[i++].replace(/^>\s?/, ""));
      made.push(h("p", {}, inline(block.join(" "))));
      if (!block.length) i += 1;
    }
  }
  return h("div", { class: "card" }, made);
}

function grid(block) {
  const cells = (line) => line.replace(/^\||\|\s*$/g, "").split("|").map((c) => c.trim());
  const rows = block.filter((line) => !/^[|\s:-]+$/.test(line)).map(cells);
  const [head, ...body] = rows;
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" }, h("table", { class: "words" }, h("thead", {}, h("tr", {}, head.map((c) => h("th", { scope: "col" }, inline(c))))), h("tbody", {}, body.map((row) => h("tr", {}, row.map((c, i) => h(i ? "td" : "th", i ? {} : { scope: "row" }, inline(c))))))));
}
