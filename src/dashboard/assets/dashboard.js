// What pages have beyond what works without script: copy buttons, print, one open sheet at a time, a form that is sent once, and
// the current page in sight in the navigation of a narrow screen.
for (const code of document.querySelectorAll("code[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = code.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = code.dataset.copied;
  });
  code.after(" ", button);
}
for (const button of document.querySelectorAll("button[data-print]")) {
  button.addEventListener("click", () => window.print());
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
