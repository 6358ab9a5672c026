// The virtual phones: one on the table, the others in a strip to switch to.
import { byId, button, element, memory } from "/dom.js";
import { onLanguage, t } from "/texts.js";
import { clearScreen, keyOf, newestOf, showScreen } from "/screen.js";
import { channelName } from "/timeline.js";

// Messages kept for screen readers, which read each once.
const ANNOUNCED = 5;

let phones = [];
// A number that a code was just sent to. It has a phone before its message arrives.
let awaited = null;
let current = memory.get("phone");
// The numbers of the strip. A message moves none of them; a new phone comes first.
let order = [];
// By number, when its newest message that was on the table arrived.
let read = memory.get("read");
// The messages of the last news. Before the first, nothing is shown or forgotten.
let known = null;
const tabs = new Map();
// What the sign-up form, if there is one, does with a code, and whether it waits for one.
let site = { useCode: null, wantsCode: () => false };

const find = (number) => phones.find((phone) => phone.phone_number === number) ?? { phone_number: number, messages: [] };
const unread = (phone) => phone.messages.filter((message) => message.at > (read[phone.phone_number] ?? "")).length;

export function awaitPhone(number) {
  awaited = number;
  choose(number);
}

// After a reload: the phone is there, and the one that was on the table stays on it.
export function keepPhone(number) {
  awaited = number;
  if (known) show();
}

function choose(number) {
  current = number;
  memory.set("phone", number);
  if (known) show();
}

function arrange() {
  const all = phones.map((phone) => phone.phone_number);
  if (awaited && !all.includes(awaited)) all.unshift(awaited);
  const fresh = all.filter((number) => !order.includes(number));
  order = [...fresh, ...order.filter((number) => all.includes(number))];
  if (!order.includes(current)) {
    current = order[0] ?? null;
    if (current) memory.set("phone", current);
  }
}

function show() {
  arrange();
  const phone = find(current);
  if (phone.messages.length) {
    read[current] = newestOf(phone).at;
    memory.set("read", read);
  }
  showStrip();
  const panel = byId("phone");
  byId("phone-number").textContent = current ?? t("phone_any");
  byId("screen").setAttribute("aria-label", t("phone_screen", { number: current ?? t("phone_any") }));
  if (current) panel.setAttribute("aria-labelledby", tabs.get(current).id);
  else panel.removeAttribute("aria-labelledby");
  panel.dataset.number = current ?? "";
  showScreen(phone, site.useCode);
  byId("state").textContent = phones.length ? t("state_live", { n: phones.length }) : t("state_empty");
}

// --- The strip

function showStrip() {
  byId("strip-empty").hidden = order.length > 0;
  for (const [number, tab] of tabs) {
    if (order.includes(number)) continue;
    tab.remove();
    tabs.delete(number);
  }
  order.forEach((number, place) => {
    const tab = tabs.get(number) ?? newTab(number);
    fillTab(tab, find(number));
    const there = byId("strip").children[place];
    if (there !== tab) byId("strip").insertBefore(tab, there ?? null);
  });
}

function newTab(number) {
  const tab = button("tab");
  tab.id = "phone-" + number.replace("+", "");
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", "phone");
  tab.addEventListener("click", () => choose(number));
  tabs.set(number, tab);
  return tab;
}

function fillTab(tab, phone) {
  const isCurrent = phone.phone_number === current;
  tab.setAttribute("aria-selected", String(isCurrent));
  tab.tabIndex = isCurrent ? 0 : -1;
  const last = newestOf(phone);
  const count = unread(phone);
  const badge = element("span", "count", count ? String(count) : "");
  badge.setAttribute("aria-hidden", "true");
  badge.hidden = count === 0;
  const said = element("span", "said", last ? element("b", last.channel, channelName(last.channel)) : "", last ? " " + last.text : t("phone_empty"));
  const heard = element("span", "unseen", count ? t("unread", { n: count }) : "");
  tab.replaceChildren(element("span", "who", phone.phone_number), badge, heard, said);
}

function moveBy(key) {
  const at = order.indexOf(current);
  const places = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: order.length - 1 };
  if (!(key in places) || !order.length) return false;
  choose(order[(places[key] + order.length) % order.length]);
  tabs.get(current).focus();
  tabs.get(current).scrollIntoView({ block: "nearest", inline: "nearest" });
  return true;
}

// --- News

function announce() {
  const now = new Set(phones.flatMap((phone) => phone.messages.map((message) => phone.phone_number + keyOf(message))));
  for (const phone of known ? phones : []) {
    for (const message of phone.messages.filter((one) => !known.has(phone.phone_number + keyOf(one)))) {
      byId("arrived").append(element("p", "", t("arrived", { channel: channelName(message.channel), number: phone.phone_number, text: message.text })));
      if (message.code && site.wantsCode(phone.phone_number)) showToast(phone.phone_number, message);
    }
  }
  known = now;
  while (byId("arrived").children.length > ANNOUNCED) byId("arrived").firstChild.remove();
}

// On a small screen the phone is out of sight while the form is in view: the message shows itself at the bottom.
let isPhoneSeen = true;

function showToast(number, message) {
  if (isPhoneSeen) return;
  const use = button("main", t("use_code"));
  use.setAttribute("aria-label", t("use_code_of", { code: message.code }));
  use.addEventListener("click", () => {
    hideToast();
    site.useCode(number, message.code);
  });
  const hide = button("quiet", "✕");
  hide.setAttribute("aria-label", t("dismiss"));
  hide.addEventListener("click", hideToast);
  byId("toast").replaceChildren(element("p", message.channel, element("b", "", channelName(message.channel)), " ", message.text), use, hide);
  byId("toast").hidden = false;
}

export function hideToast() {
  byId("toast").hidden = true;
}

export function startPhones(given) {
  if (given) site = given;
  byId("strip").addEventListener("keydown", (event) => {
    if (moveBy(event.key)) event.preventDefault();
  });
  new IntersectionObserver((seen) => {
    isPhoneSeen = seen.at(-1).isIntersecting;
    if (isPhoneSeen) hideToast();
  }, { threshold: 0.4 }).observe(byId("phone"));
  onLanguage(() => {
    clearScreen();
    if (known) show();
  });
}

export function showPhones(items) {
  phones = items;
  // Messages from before the first visit count as read.
  read ??= Object.fromEntries(items.map((phone) => [phone.phone_number, newestOf(phone).at]));
  announce();
  show();
}
