// The sign-up form: runs a whole verification through the real API, and shows what the visitor reads and what the server gets.
import { call, statusOf } from "/calls.js";
import { byId, element, memory } from "/dom.js";
import { awaitPhone, hideToast, keepPhone } from "/phones.js";
import { showProof } from "/proof.js";
import { clock, onLanguage, t, within } from "/texts.js";
import { follow, forget, showCosts } from "/timeline.js";
import { refused, title, told } from "/words.js";

let current = null;
// The last answer, and the sentence about it with the field that it belongs to.
let last = null;
let fault = null;
let refreshing = Promise.resolve();
let isAsked = false;

const secondsUntil = (at) => Math.max(0, Math.ceil((new Date(at) - Date.now()) / 1000));

// A failed verification is not over: a code that arrives all the same still counts, until it expires.
const mayGoOn = () => current !== null && ["pending", "failed"].includes(current.status);
const isOpen = () => mayGoOn() && secondsUntil(current.expires_at) > 0;

function keep(verification) {
  current = verification;
  memory.set("verification", current?.id ?? null);
}

// --- What is shown

function show() {
  byId("start").hidden = current !== null;
  byId("verification").hidden = current === null;
  showFault();
  showServer();
  showCosts(current);
  if (current === null) return;
  const open = isOpen();
  const hadFocus = byId("check").contains(document.activeElement);
  const seen = mayGoOn() && !open ? { ...current, status: "expired" } : current;
  setText("told-title", title(seen));
  setText("told", told(seen));
  byId("verification").className = open ? "" : "over " + seen.status;
  byId("check").hidden = !open;
  byId("again").hidden = open;
  setText("again", t(current.status === "approved" ? "again_approved" : "again"));
  if (hadFocus && !open) byId("told-title").focus();
  if (!open) hideToast();
  showTime();
}

// Unchanged text stays as it is, so that screen readers say it once.
function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function showFault() {
  for (const field of ["number", "code"]) {
    const isHere = fault?.field === field;
    setText(field + "-fault", isHere ? fault.say() : "");
    if (isHere && fault.isWrong) byId(field).setAttribute("aria-invalid", "true");
    else byId(field).removeAttribute("aria-invalid");
  }
}

function showServer() {
  const facts = { status: current?.status, "checks-left": current?.checks_left, "sends-left": current?.sends_left, expires: current && clock(current.expires_at) };
  for (const [id, value] of Object.entries(facts)) setText(id, String(value ?? "–"));
  byId("status").className = "status " + (current?.status ?? "");
  if (last === null) {
    byId("answer").replaceChildren(t("server_idle"));
    return;
  }
  const { method, path, answer } = last;
  const shape = path.replace(/[0-9a-f-]{36}/, "{id}");
  byId("answer").replaceChildren(element("span", "method", method), " ", element("span", "path", shape), " ", statusOf(last), element("code", "raw", raw(answer)));
}

// The part of an answer that decides what to do next.
function raw(answer) {
  if (answer === null) return "";
  if (answer.code) return `${answer.code}: ${answer.detail}`;
  if ("valid" in answer) return JSON.stringify(answer.proof ? { ...answer, id: undefined, proof: "…" } : { ...answer, id: undefined });
  return JSON.stringify({ status: answer.status, channel: answer.channel, reused: answer.reused });
}

function showTime() {
  if (current === null || byId("check").hidden) return;
  if (!isOpen()) {
    show();
    return;
  }
  const left = secondsUntil(current.expires_at);
  const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  setText("code-hint", t("valid_for", { time }));
  const wait = current.resend_at ? secondsUntil(current.resend_at) : 0;
  const none = current.sends_left === 0 || (!current.resend_at && current.status === "pending");
  for (const id of ["resend", "resend-sms"]) byId(id).disabled = none || wait > 0;
  setText("resend-hint", none ? t("resend_none") : wait > 0 ? t("resend_wait", { in: within(wait) }) : t("resend_any"));
}

// --- What is done

function answered(result, field) {
  last = result;
  const wrong = ["phone_number_invalid", "phone_number_unsupported", "invalid_request"];
  fault = result.ok ? null : { field, say: () => refused(result), isWrong: wrong.includes(result.answer?.code) };
}

async function refresh() {
  if (!current) return;
  const { id, reused } = current;
  const response = await fetch(`/site/v1/verifications/${id}`).catch(() => null);
  if (!response?.ok) return;
  const found = await response.json();
  if (current?.id !== id) return;
  current = { ...found, reused: reused && found.attempts.length === current.attempts.length };
  show();
}

// Events that arrive together cause one look at the verification.
function changed() {
  if (isAsked) return refreshing;
  isAsked = true;
  refreshing = refreshing.then(() => {
    isAsked = false;
    return refresh();
  });
  return refreshing;
}

function watch() {
  follow(current.id, changed, isOpen);
}

async function start(body) {
  const result = await call("POST", "/v1/verifications", body);
  answered(result, "number");
  if (!result.ok) {
    show();
    byId("number").select();
    return;
  }
  remember(null);
  byId("code").value = "";
  keep(result.answer);
  awaitPhone(current.phone_number);
  show();
  watch();
  byId("code").focus({ preventScroll: true });
}

async function act(verb, body) {
  const { id } = current;
  const result = await call("POST", `/v1/verifications/${id}/${verb}`, body);
  if (current?.id !== id) return;
  answered(result, "code");
  if (result.answer?.code === "verification_not_found") {
    lose();
    return;
  }
  if (result.ok && verb === "check") checked(result.answer);
  else if (result.ok) keep({ ...result.answer, reused: false });
  show();
  await changed();
}

function checked(answer) {
  current = { ...current, status: answer.status, checks_left: answer.checks_left };
  if (answer.valid) {
    remember(answer.proof);
    return;
  }
  if (answer.status !== "locked") fault = { field: "code", say: () => t("wrong", { n: answer.checks_left }), isWrong: true };
  byId("code").select();
}

function remember(proof) {
  memory.set("proof", proof);
  showProof(proof);
}

// The verification does not exist any more, as after a new database.
function lose() {
  const lost = last;
  again();
  last = lost;
  fault = { field: "number", say: () => t("fault_lost"), isWrong: false };
  show();
}

function again() {
  keep(null);
  last = null;
  fault = null;
  remember(null);
  forget();
  show();
  byId("number").focus();
  byId("number").select();
}

// After a reload: the verification, its timeline and its proof.
async function restore() {
  const id = memory.get("verification");
  if (!id) return;
  const result = await call("GET", `/v1/verifications/${id}`);
  if (!result.ok || current) {
    if (result.status === 404) keep(null);
    return;
  }
  last = result;
  keep(result.answer);
  byId("number").value = current.phone_number;
  keepPhone(current.phone_number);
  show();
  watch();
  const proof = memory.get("proof");
  if (proof) showProof(proof);
}

// --- For the other parts of the page

export function tryNumber(number) {
  byId("number").value = number;
  byId("start").requestSubmit();
  byId("try-title").scrollIntoView({ block: "nearest" });
}

export const wantsCode = (number) => current?.phone_number === number && isOpen();

// Fills in a message's code if the open verification is for that phone.
export function useCode(number, code) {
  if (!wantsCode(number)) return;
  hideToast();
  byId("code").value = code;
  byId("code").focus();
}

export function startSite() {
  byId("site").hidden = false;
  byId("server").hidden = false;
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
  // Without a channel, a resend goes to the route's next step; after the last one, the same channel is asked for.
  byId("resend").addEventListener("click", () => act("resend", current?.channel === "sms" ? { channel: "sms" } : {}));
  byId("resend-sms").addEventListener("click", () => act("resend", { channel: "sms" }));
  byId("cancel").addEventListener("click", () => act("cancel", {}));
  byId("again").addEventListener("click", again);
  onLanguage(show);
  setInterval(showTime, 1000);
  show();
  return restore();
}
