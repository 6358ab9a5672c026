// Copying, and boxes of code with a button that copies.
import { button, element } from "/dom.js";
import { t } from "/texts.js";

export async function copy(text, pressed) {
  const label = pressed.textContent;
  let done = "copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = "copy_failed";
  }
  pressed.textContent = t(done);
  setTimeout(() => (pressed.textContent = label), 1500);
}

// Code in a box of its own, with a button that copies `copied`.
export function codeBox(label, code, copied) {
  const pre = element("pre", "", code);
  pre.tabIndex = 0;
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", label);
  const pressed = button("quiet copies", t("copy"));
  pressed.setAttribute("aria-label", `${t("copy")}: ${label}`);
  pressed.addEventListener("click", () => copy(copied, pressed));
  return element("div", "box", pre, pressed);
}
