// Extras; pages work without them: copy and print buttons, ids to copy, sortable tables, menus that close on a click outside, protection
// against sending a form twice, focus on the first invalid field, and scrolling narrow navigation to the current page.
for (const code of document.querySelectorAll("code[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = code.dataset.copy;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = code.dataset.copied;
    } catch {
      // Over plain HTTP there is no clipboard: select the text instead.
      getSelection().selectAllChildren(code);
    }
  });
  code.after(" ", button);
}
// A click on a shortened id copies the whole; ids in links are left to the link.
for (const id of document.querySelectorAll(".id")) {
  if (id.closest("a")) continue;
  id.setAttribute("role", "button");
  id.tabIndex = 0;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(id.dataset.id);
      const shown = id.textContent;
      if (!shown.endsWith("✓")) id.textContent = shown + " ✓";
      setTimeout(() => { id.textContent = shown.replace(" ✓", ""); }, 1500);
    } catch {
      id.textContent = id.dataset.id;
      getSelection().selectAllChildren(id);
    }
  };
  id.addEventListener("click", copy);
  id.addEventListener("keydown", (event) => { if (event.key === "Enter") copy(); });
}
for (const button of document.querySelectorAll("button[data-print]")) {
  button.addEventListener("click", () => window.print());
}
// A click on a column's head sorts the rows of a report; the total stays last.
for (const table of document.querySelectorAll("table[data-sort]")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const compare = (one, other) => {
    const [a, b] = [one, other].map((text) => (text === "" ? NaN : Number(text)));
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b) || one.localeCompare(other);
    return a - b;
  };
  heads.forEach((head, place) => {
    const figure = head.classList.contains("figure");
    const held = (row) => row.cells[place].dataset.value ?? "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "order";
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      const down = head.ariaSort === null ? figure : head.ariaSort === "ascending";
      for (const other of heads) other.ariaSort = null;
      head.ariaSort = down ? "descending" : "ascending";
      const order = (one, other) => (figure ? compare(held(one), held(other)) : held(one).localeCompare(held(other)));
      body.append(...[...body.rows].sort((one, other) => order(one, other) * (down ? -1 : 1)));
    });
    head.append(button);
  });
}
const sheets = [...document.querySelectorAll("details.account, details.sure")];
document.addEventListener("click", (event) => {
  for (const sheet of sheets) if (!sheet.contains(event.target)) sheet.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const sheet of sheets.filter((one) => one.open)) {
    sheet.open = false;
    sheet.querySelector("summary").focus();
  }
});
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
const wrong = document.querySelector("[aria-invalid]");
if (wrong) wrong.focus();
const here = document.querySelector(".side [aria-current]");
const side = document.querySelector(".side");
if (here && side.scrollWidth > side.clientWidth) side.scrollLeft = here.offsetLeft - side.clientWidth / 2 + here.offsetWidth / 2;
