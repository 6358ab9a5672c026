// What pages have beyond what works without script: copy buttons, print, closing the account menu.
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
const account = document.querySelector(".account");
document.addEventListener("click", (event) => {
  if (account && !account.contains(event.target)) account.open = false;
});
document.addEventListener("keydown", (event) => {
  if (account && event.key === "Escape") account.open = false;
});
