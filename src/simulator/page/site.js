// The sign-up form: runs a whole verification through the real API and shows each call.
import { awaitPhone, byId, clock, copy, element } from "/page.js";

const TYPES = [
  "verification.created", "verification.sent", "verification.delivered", "verification.read", "verification.fallback",
  "verification.approved", "verification.locked", "verification.expired", "verification.failed", "verification.canceled",
  "verification.resend", "check.wrong", "attempt.refused", "attempt.failed", "attempt.undelivered", "attempt.expired",
  "attempt.unknown", "attempt.charged", "attempt.refunded", "attempt.refund_expected", "attempt.drift",
  "verification.reopened",
];

const WORDS = {
  "verification.created": "Started", "verification.sent": "Sent", "verification.delivered": "Delivered",
  "verification.read": "Read", "verification.fallback": "Moved to the next channel", "verification.approved": "Approved",
  "verification.locked": "Locked: no checks left", "verification.expired": "Expired",
  "verification.failed": "Failed: no channel could deliver", "verification.canceled": "Canceled",
  "verification.resend": "Resend requested", "check.wrong": "Wrong code", "attempt.refused": "Refused, free",
  "attempt.failed": "Not sent", "attempt.undelivered": "Not delivered", "attempt.expired": "Expired undelivered",
  "attempt.unknown": "No answer; it may have been sent", "attempt.charged": "Charged", "attempt.refunded": "Refunded",
  "attempt.refund_expected": "Refund expected", "attempt.drift": "Delivered after being refunded",
  "verification.reopened": "Reopened",
};

let settings = null;
let current = null;
let stream = null;
let refreshing = Promise.resolve();
const calls = [];

// --- The API, called through the site's server

const shellQuoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

function curl(method, path, body, withKey) {
  const key = withKey ? settings.api_key : "••••••";
  const open = path.startsWith("/.well-known/");
  const lines = [`curl -s ${settings.gateway_url}${path}` + (open ? "" : ` -H 'Authorization: Bearer ${key}'`)];
  if (method === "POST") lines.push(`-H 'Content-Type: application/json' -d ${shellQuoted(JSON.stringify(body))}`);
  return lines.join(" \\\n  ");
}

async function call(method, path, body) {
  const request = { method, headers: { Accept: "application/json" } };
  if (method === "POST") {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let status = 0;
  let answer = null;
  try {
    const response = await fetch("/site" + path, request);
    status = response.status;
    answer = await response.json().catch(() => null);
  } catch {
    answer = { detail: "The gateway is not responding.", code: "no_answer" };
  }
  calls.unshift({ method, path, body, status, answer });
  calls.length = Math.min(calls.length, 20);
  showCalls();
  return { ok: status >= 200 && status < 300, status, answer };
}

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

function showCalls() {
  const withKey = byId("show-key").checked;
  byId("calls-card").hidden = calls.length === 0;
  const open = new Set([...byId("calls").querySelectorAll("details[open]")].map((details) => details.dataset.index));
  byId("calls").replaceChildren(...calls.map((made, place) => {
    const index = String(calls.length - place);
    const good = made.status >= 200 && made.status < 300;
    const line = element("pre", "", element("code", "", curl(made.method, made.path, made.body, withKey)));
    line.tabIndex = 0;
    line.setAttribute("aria-label", "curl command");
    const button = element("button", "quiet", "Copy curl");
    button.type = "button";
    button.addEventListener("click", () => copy(curl(made.method, made.path, made.body, true), button));
    const body = element("pre", "", json(made.answer));
    body.tabIndex = 0;
    body.setAttribute("aria-label", "response");
    const details = element("details", "", element("summary", "",
      element("span", "method", made.method), " ", element("span", "path", made.path), " ",
      element("span", good ? "code good" : "code bad", String(made.status || "–"))), line, button, body);
    details.dataset.index = index;
    details.open = place === 0 || open.has(index);
    return element("li", "", details);
  }));
}

// --- One verification

function fault(answer) {
  const line = byId("fault");
  line.hidden = answer === null;
  if (answer === null) return;
  const fields = (answer?.errors ?? []).map((error) => `${error.pointer}: ${error.detail}`).join("; ");
  line.replaceChildren(element("strong", "", answer?.code ?? "fault"), " ", answer?.detail ?? "Unreadable response.", fields ? " " + fields : "");
}

const isOpen = () => current?.status === "pending";

function showVerification() {
  byId("verification").hidden = current === null;
  if (current === null) return;
  const status = byId("status");
  status.textContent = current.status;
  status.className = "status " + current.status;
  byId("who").textContent = current.phone_number + (current.reused ? " (already pending; nothing new was sent)" : "");
  byId("check").hidden = !isOpen();
  for (const id of ["resend", "resend-sms", "cancel"]) byId(id).hidden = !isOpen();
  byId("code-hint").textContent = `${current.checks_left} checks and ${current.sends_left} sends left.`;
  showTime();
}

function showTime() {
  if (!current) return;
  const seconds = (at) => Math.max(0, Math.ceil((new Date(at) - Date.now()) / 1000));
  const left = seconds(current.expires_at);
  byId("left").textContent = isOpen() ? `expires in ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "";
  const wait = current.resend_at ? seconds(current.resend_at) : 0;
  for (const [id, label] of [["resend", "Send again"], ["resend-sms", "Send by SMS"]]) {
    const button = byId(id);
    button.disabled = !current.resend_at || wait > 0;
    button.textContent = wait > 0 ? `${label} (${wait} s)` : label;
  }
}

async function refresh() {
  if (!current) return;
  const id = current.id;
  const response = await fetch(`/site/v1/verifications/${id}`).catch(() => null);
  if (!response?.ok) return;
  const found = await response.json();
  if (current?.id !== id) return;
  current = { ...found, reused: current.reused };
  showVerification();
  showTotal();
}

function eventLine(event) {
  const money = event.money ? ` ${event.money.amount} ${event.money.currency}` : "";
  const time = element("time", "", clock(event.at));
  time.dateTime = event.at;
  const said = element("span", "said", (WORDS[event.type] ?? event.type) + money);
  const line = element("li", event.type.replace(".", "-").replace("_", "-"), time, said);
  if (event.channel) line.append(element("span", "tag " + event.channel, event.channel === "telegram" ? "Telegram" : "SMS"));
  if (event.reason) line.append(element("span", "reason", event.reason.replaceAll("_", " ")));
  return line;
}

function showTotal() {
  const attempts = current.attempts.map((attempt) => `${attempt.channel === "telegram" ? "Telegram" : "SMS"} ${attempt.cost.amount} ${attempt.cost.currency} ${attempt.cost.state.replace("_", " ")}`);
  const costs = current.costs.map((cost) => `${cost.amount} ${cost.currency}`).join(" + ") || "nothing";
  byId("total").replaceChildren("Charged so far: ", element("strong", "", costs), attempts.length ? ` (${attempts.join(", ")})` : "");
}

function follow(id) {
  stream?.close();
  byId("timeline").replaceChildren();
  byId("total").textContent = "";
  byId("timeline-card").hidden = false;
  const seen = new Set();
  stream = new EventSource(`/site/v1/verifications/${id}/events`);
  for (const type of TYPES) {
    stream.addEventListener(type, (message) => {
      const event = JSON.parse(message.data);
      if (seen.has(event.id) || current?.id !== id) return;
      seen.add(event.id);
      byId("timeline").append(eventLine(event));
      refreshing = refreshing.then(refresh);
    });
  }
}

async function start(body) {
  fault(null);
  byId("proof").hidden = true;
  byId("code").value = "";
  awaitPhone(body.phone_number);
  const { ok, answer } = await call("POST", "/v1/verifications", body);
  if (!ok) {
    fault(answer);
    return;
  }
  current = answer;
  awaitPhone(answer.phone_number);
  showVerification();
  showTotal();
  follow(answer.id);
  byId("code").focus();
}

async function act(verb, body) {
  fault(null);
  const { ok, status, answer } = await call("POST", `/v1/verifications/${current.id}/${verb}`, body);
  if (!ok) fault(answer);
  else if (verb === "check") await checked(answer);
  else {
    current = { ...answer, reused: false };
    showVerification();
  }
  if (ok || status === 409 || status === 410 || status === 429) await refresh();
}

async function checked(answer) {
  if (answer.valid) {
    await showProof(answer.proof);
    return;
  }
  fault({ code: "wrong code", detail: answer.status === "locked" ? "That was the last check; the verification is locked." : `${answer.checks_left} checks left.` });
  byId("code").select();
}

// --- The proof

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const part = (text) => JSON.parse(new TextDecoder().decode(bytes(text)));

async function isAuthentic(token, header) {
  const keys = (await call("GET", "/.well-known/jwks.json")).answer.keys;
  const jwk = keys.find((key) => key.kid === header.kid);
  const key = await crypto.subtle.importKey("jwk", { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, { name: "Ed25519" }, false, ["verify"]);
  const at = token.lastIndexOf(".");
  return crypto.subtle.verify("Ed25519", key, bytes(token.slice(at + 1)), new TextEncoder().encode(token.slice(0, at)));
}

async function showProof(token) {
  const [header, claims] = token.split(".").slice(0, 2).map(part);
  const meaning = {
    iss: "issuer", aud: "project", sub: "phone number", vid: "verification", channel: "how the code was sent",
    iat: "issued", exp: "expires", jti: "id of this proof",
  };
  byId("claims").replaceChildren(...Object.entries(claims).flatMap(([name, value]) => [
    element("dt", "", element("code", "", name), " ", meaning[name] ?? ""),
    element("dd", "", name === "iat" || name === "exp" ? `${value} (${clock(value * 1000)})` : String(value)),
  ]));
  byId("token").textContent = token;
  byId("proof").hidden = false;
  const says = byId("proof-says");
  says.textContent = "A JWT that your site can verify offline with the public keys.";
  try {
    const authentic = await isAuthentic(token, header);
    says.textContent = authentic
      ? "✓ Signature verified in this browser against the public keys (EdDSA)."
      : "✗ The signature does not match the public keys.";
    says.className = authentic ? "hint good" : "hint bad";
  } catch {
    says.textContent = "This browser cannot verify Ed25519. Use a JWT library with /.well-known/jwks.json.";
  }
}

// --- Events of the page

export function tryNumber(number) {
  byId("number").value = number;
  byId("start").requestSubmit();
  byId("try-title").scrollIntoView({ block: "nearest" });
}

// Fills in a message's code if the open verification is for that phone.
export function followPhone(number, code) {
  if (current?.phone_number === number && isOpen()) {
    byId("code").value = code;
    byId("code").focus();
  }
}

export function startSite(given) {
  settings = given;
  byId("site").hidden = false;
  byId("start").addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { phone_number: byId("number").value.trim() };
    if (byId("locale").value) body.locale = byId("locale").value;
    if (byId("channels").value) body.channels = [byId("channels").value];
    start(body);
  });
  byId("check").addEventListener("submit", (event) => {
    event.preventDefault();
    act("check", { code: byId("code").value.trim() });
  });
  byId("resend").addEventListener("click", () => act("resend", {}));
  byId("resend-sms").addEventListener("click", () => act("resend", { channel: "sms" }));
  byId("cancel").addEventListener("click", () => act("cancel", {}));
  byId("show-key").addEventListener("change", showCalls);
  setInterval(showTime, 1000);
}
