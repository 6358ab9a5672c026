// Helpers of all scripts. Untrusted data enters the page as text only, never as HTML.

export const byId = (id) => document.getElementById(id);

export function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

export function button(className, ...content) {
  const made = element("button", className, ...content);
  made.type = "button";
  return made;
}

// Text with `code` in backticks.
export function rich(text) {
  return text.split("`").map((part, place) => (place % 2 ? element("code", "", part) : part));
}

// What this tab remembers over a reload. Without storage, nothing is remembered.
export const memory = {
  get(key) {
    try {
      return JSON.parse(sessionStorage.getItem(key));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Not remembered.
    }
  },
};
