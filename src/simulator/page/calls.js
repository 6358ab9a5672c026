// The API calls of the page, made through the site's server, each shown as curl with its answer.
import { codeBox } from "/box.js";
import { byId, element, memory } from "/dom.js";
import { onLanguage, t } from "/texts.js";

const KEPT = 20;

let settings = null;
const calls = memory.get("calls") ?? [];

const shellQuoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

function curl(made, withKey) {
  const key = withKey ? settings.api_key : "••••••";
  const open = made.path.startsWith("/.well-known/");
  const lines = [`curl -s ${settings.gateway_url}${made.path}` + (open ? "" : ` -H 'Authorization: Bearer ${key}'`)];
  if (made.method === "POST") lines.push(`-H 'Content-Type: application/json' -d ${shellQuoted(JSON.stringify(made.body))}`);
  return lines.join(" \\\n  ");
}

// The answer, with `retryAfter` in seconds where the API names it. Status 0: no answer.
export async function call(method, path, body) {
  const request = { method, headers: { Accept: "application/json" } };
  if (method === "POST") {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  const made = { method, path, body, status: 0, answer: null };
  let retryAfter = null;
  try {
    const response = await fetch("/site" + path, request);
    made.status = response.status;
    made.answer = await response.json().catch(() => null);
    retryAfter = Number(response.headers.get("Retry-After")) || null;
  } catch {
    // Status 0 says so.
  }
  calls.unshift(made);
  calls.length = Math.min(calls.length, KEPT);
  memory.set("calls", calls);
  show(true);
  return { ...made, retryAfter, ok: isGood(made) };
}

const isGood = (made) => made.status >= 200 && made.status < 300;

export const statusOf = (made) => element("strong", isGood(made) ? "code good" : "code bad", made.status ? String(made.status) : t("no_answer"));

// JSON with its parts coloured.
function json(value) {
  const text = JSON.stringify(value, null, 2);
  const made = element("code", "json");
  const parts = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  let last = 0;
  for (const match of text.matchAll(parts)) {
    made.append(text.slice(last, match.index));
    const kind = match[1] ? (match[2] ? "key" : "string") : match[3] ? "word" : "number";
    made.append(element("span", kind, match[1] ?? match[0]), match[2] ?? "");
    last = match.index + match[0].length;
  }
  made.append(text.slice(last));
  return made;
}

function item(made, isOpen) {
  const line = codeBox(t("curl"), element("code", "", curl(made, byId("show-key").checked)), curl(made, true));
  const answer = codeBox(t("response"), json(made.answer), JSON.stringify(made.answer, null, 2));
  const details = element("details", "",
    element("summary", "", element("span", "method", made.method), " ", element("span", "path", made.path), " ", statusOf(made)), line, answer);
  details.open = isOpen;
  return element("li", "", details);
}

// A new call opens in place of the one before it.
function show(isNew) {
  byId("calls-empty").hidden = calls.length > 0;
  const open = [...byId("calls").querySelectorAll("details")].map((details) => details.open);
  byId("calls").replaceChildren(...calls.map((made, place) => item(made, isNew ? place === 0 : open[place] === true)));
}

export function startCalls(given) {
  settings = given;
  byId("show-key").addEventListener("change", () => show(false));
  onLanguage(() => show(false));
  show(false);
}
