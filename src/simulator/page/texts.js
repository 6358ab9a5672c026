// The page's words, in the browser's language or the chosen one. Every text is in /texts/*.json; to add a language, add its
// file there, its name to LANGUAGES and its button to page.html.
import { rich } from "/dom.js";

const LANGUAGES = ["en", "ru"];

let language = "en";
let table = {};
const listeners = [];

// The text of a key, with its {placeholders} filled in. A text with plural forms is chosen by `n`.
export function t(key, values = {}) {
  const entry = table[key] ?? key;
  const form = typeof entry === "string" ? entry : (entry[new Intl.PluralRules(language).select(values.n)] ?? entry.other);
  return form.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const knows = (key) => key in table;

// Keys that begin with a prefix, without it.
export const keysAfter = (prefix) => Object.keys(table).filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));

export const clock = (at) => new Date(at).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export const money = (amount, currency) => `${new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 6 }).format(amount)} ${currency}`;

// "in 24 seconds", "in 8 minutes".
export function within(seconds) {
  const format = new Intl.RelativeTimeFormat(language);
  if (seconds < 90) return format.format(seconds, "second");
  if (seconds < 5400) return format.format(Math.ceil(seconds / 60), "minute");
  return format.format(Math.ceil(seconds / 3600), "hour");
}

export function onLanguage(listener) {
  listeners.push(listener);
}

function fill() {
  document.documentElement.lang = language;
  document.title = t("title");
  for (const one of document.querySelectorAll("[data-text]")) one.replaceChildren(...rich(t(one.dataset.text)));
  for (const one of document.querySelectorAll("[data-label]")) one.setAttribute("aria-label", t(one.dataset.label));
  for (const one of document.querySelectorAll("[data-title]")) one.title = t(one.dataset.title);
  for (const one of document.querySelectorAll("[data-language]")) one.setAttribute("aria-pressed", String(one.dataset.language === language));
}

async function use(code) {
  const found = await fetch(`/texts/${code}.json`);
  table = await found.json();
  language = code;
  fill();
  for (const listener of listeners) listener();
}

function preferred() {
  try {
    const chosen = localStorage.getItem("language");
    if (LANGUAGES.includes(chosen)) return chosen;
  } catch {
    // Not remembered.
  }
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2));
  return wanted.find((code) => LANGUAGES.includes(code)) ?? "en";
}

export async function startTexts() {
  for (const one of document.querySelectorAll("[data-language]")) {
    one.addEventListener("click", () => {
      try {
        localStorage.setItem("language", one.dataset.language);
      } catch {
        // Not remembered.
      }
      use(one.dataset.language);
    });
  }
  await use(preferred());
}
