"use strict";
// Tables: sort by a click on a heading, filter by words, and links of the summary that set a filter.
for (const table of document.querySelectorAll(".table")) {
  const body = table.querySelector("tbody");
  const rows = [...body.rows];
  const input = table.querySelector("input");
  const output = table.querySelector("output");
  const heads = [...table.querySelectorAll("th")];

  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    output.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  };
  input.addEventListener("input", filter);

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
for (const link of document.querySelectorAll("a[data-filter]")) {
  link.addEventListener("click", () => {
    const input = document.getElementById(link.hash.slice(1)).querySelector("input");
    input.value = link.dataset.filter;
    input.dispatchEvent(new Event("input"));
  });
}
