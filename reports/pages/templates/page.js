"use strict";
// Tables: sort by a click on a heading, filter by words, show more columns, and links that set a filter.
for (const table of document.querySelectorAll(".table")) {
  const body = table.querySelector("tbody");
  const rows = [...body.rows];
  const input = table.querySelector("input");
  const output = table.querySelector("output");
  const heads = [...table.querySelectorAll("th")];
  const more = table.querySelector("[data-columns]");

  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      // A word after "=" is a whole cell: "=minimum" leaves out minimum-of-4, "hidden=3" asks one column.
      const holds = (word) => {
        const at = word.indexOf("=");
        if (at < 0) return text.includes(word);
        const place = heads.findIndex((head) => head.textContent.trim().toLowerCase() === word.slice(0, at));
        const asked = at ? [row.cells[place]].filter(Boolean) : [...row.cells];
        return asked.some((cell) => cell.textContent.trim().toLowerCase() === word.slice(at + 1));
      };
      row.hidden = !words.every(holds);
      shown += row.hidden ? 0 : 1;
    }
    output.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  };
  input.addEventListener("input", filter);
  more?.addEventListener("click", () => {
    const all = table.classList.toggle("all");
    more.setAttribute("aria-expanded", String(all));
    more.textContent = all ? "Fewer columns" : `More columns (${table.querySelectorAll("th.later").length})`;
  });

  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => {
      const cell = row.cells[column];
      return cell.dataset.key ?? cell.textContent;
    };
    const numeric = head.matches(".number, .interval");
    const compare = (a, b) => {
      // Missing values come last, whichever way the rest is sorted.
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
      return down ? -order : order;
    };
    body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
  }));
}
// What a link leads to may be folded.
const unfold = (target) => {
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
};
const reveal = () => {
  const target = location.hash.includes("=") ? null : document.getElementById(location.hash.slice(1));
  if (!target) return;
  unfold(target);
  target.scrollIntoView({ block: "start" });
};
for (const link of document.querySelectorAll("a[href^='#']")) {
  link.addEventListener("click", () => {
    const target = document.getElementById(link.hash.slice(1));
    if (!target) return;
    unfold(target);
    if (link.dataset.filter === undefined) return;
    const input = target.querySelector("input");
    input.value = link.dataset.filter;
    input.dispatchEvent(new Event("input"));
  });
}
addEventListener("hashchange", reveal);
reveal();
// One table of several, by the choices above it.
for (const figure of document.querySelectorAll("figure.periodic")) {
  const choices = [...figure.querySelectorAll("select")];
  const panels = [...figure.querySelectorAll("[data-width]")];
  const none = figure.querySelector("[data-none]");
  const choose = () => {
    for (const panel of panels) panel.hidden = choices.some((choice) => panel.dataset[choice.dataset.choice] !== choice.value);
    none.hidden = panels.some((panel) => !panel.hidden);
  };
  for (const choice of choices) choice.addEventListener("change", choose);
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      // A page opened from a file may not write to the clipboard: the text is selected instead.
      getSelection().selectAllChildren(text);
    }
  });
}
// In print tables are unfolded, which the style sheet cuts; maps and details stay folded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details.fold:not([open])")];
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => { for (const part of folded) part.open = false; });
