// The virtual phones, live, and the table of magic numbers. Untrusted data enters the page as text only, never as HTML.
import { followPhone, startSite, tryNumber } from "/site.js";

export const byId = (id) => document.getElementById(id);

export function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

export const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export async function copy(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy failed";
  }
  setTimeout(() => (button.textContent = label), 1500);
}

function bubble(phone, message) {
  const isTelegram = message.channel === "telegram";
  const text = element("p", "text");
  const at = message.code ? message.text.indexOf(message.code) : -1;
  if (at >= 0) {
    text.append(message.text.slice(0, at), element("strong", "", message.code), message.text.slice(at + message.code.length));
  } else {
    text.textContent = message.text;
  }
  const time = element("time", "", clock(message.at));
  time.dateTime = message.at;
  const ticks = element("span", "ticks " + message.status, message.status === "read" ? "✓✓" : "✓");
  ticks.title = message.status;
  ticks.setAttribute("role", "img");
  ticks.setAttribute("aria-label", message.status);
  const item = element("li", "bubble", text, element("span", "meta", time, " ", ticks));
  if (message.code) {
    const button = element("button", "copy", isTelegram ? "Copy code" : "Use code");
    button.type = "button";
    button.setAttribute("aria-label", button.textContent + " " + message.code);
    button.addEventListener("click", () => {
      copy(message.code, button);
      followPhone(phone, message.code);
    });
    item.append(button);
  }
  return item;
}

function conversation(phone, channel, messages) {
  const isTelegram = channel === "telegram";
  const name = element("span", "name", isTelegram ? "Verification Codes" : "Pinroute");
  if (isTelegram) {
    const mark = element("span", "verified", "✓");
    mark.title = "verified";
    name.append(" ", mark);
  }
  const title = element("header", "", element("span", "avatar", isTelegram ? "✈" : "P"), element("span", "", name, element("span", "via", isTelegram ? "Telegram" : "SMS")));
  title.querySelector(".avatar").setAttribute("aria-hidden", "true");
  // Oldest first, as in a chat.
  const list = element("ol", "", ...messages.slice().reverse().map((message) => bubble(phone, message)));
  const made = element("section", "chat " + channel, title, list);
  made.setAttribute("aria-label", (isTelegram ? "Telegram" : "SMS") + " messages");
  return made;
}

function device(number, messages) {
  const by = { telegram: [], sms: [] };
  for (const message of messages) by[message.channel === "telegram" ? "telegram" : "sms"].push(message);
  const order = messages.length && messages[0].channel === "sms" ? ["sms", "telegram"] : ["telegram", "sms"];
  const chats = order.filter((channel) => by[channel].length).map((channel) => conversation(number, channel, by[channel].slice(0, 3)));
  const screen = element("div", "screen", ...chats);
  if (!chats.length) screen.append(element("p", "waiting", "Waiting for a message…"));
  const bar = element("div", "bar", element("span", "", clock(messages.length ? messages[0].at : Date.now()).slice(0, 5)), element("span", "", "▂▄▆ 5G"));
  bar.setAttribute("aria-hidden", "true");
  const glass = element("div", "glass", bar, screen);
  const title = element("h3", "", number);
  const made = element("article", "phone", title, glass);
  made.setAttribute("aria-label", "Phone " + number);
  made.dataset.number = number;
  return made;
}

let phones = [];
let awaited = null;
let known = null;

// Shows a phone as soon as a message is sent to it, before the message arrives.
export function awaitPhone(number) {
  awaited = number;
  showPhones();
}

function showPhones() {
  const shown = phones.slice();
  if (awaited && !shown.some((phone) => phone.phone_number === awaited)) shown.unshift({ phone_number: awaited, messages: [] });
  shown.sort((a, b) => (b.phone_number === awaited) - (a.phone_number === awaited));
  const focused = document.activeElement?.closest?.(".phone")?.dataset.number;
  const devices = shown.length ? shown.slice(0, 6) : [{ phone_number: "Any number", messages: [] }];
  byId("phones").replaceChildren(...devices.map((phone) => device(phone.phone_number, phone.messages)));
  if (focused) byId("phones").querySelector(`[data-number="${CSS.escape(focused)}"] .copy`)?.focus();
  byId("state").textContent = shown.length
    ? shown.length > 6 ? `The newest six of ${shown.length} phones.` : "Messages appear as they arrive."
    : "No message has arrived yet. Send a code to any number.";
}

function announce(items) {
  const now = new Set(items.flatMap((phone) => phone.messages.map((message) => phone.phone_number + message.channel + message.at + message.text)));
  if (known) {
    for (const phone of items) {
      for (const message of phone.messages) {
        if (!known.has(phone.phone_number + message.channel + message.at + message.text)) {
          byId("arrived").textContent = `${message.channel === "telegram" ? "Telegram" : "SMS"} message on ${phone.phone_number}: ${message.text}`;
        }
      }
    }
  }
  known = now;
}

let pausesBefore = [];

function showPauses(items) {
  const lines = items.map((item) => element("p", "pause", `The gateway has paused ${item.provider} until ${clock(item.until)}. Meanwhile codes go straight to the next step.`));
  if (pausesBefore.length && !items.length) lines.push(element("p", "pause over", "The pause is over. The next send tests whether the provider works again."));
  pausesBefore = items;
  byId("pauses").replaceChildren(...lines);
}

function listen() {
  const live = new EventSource("/live");
  live.addEventListener("phones", (event) => {
    phones = JSON.parse(event.data).items;
    announce(phones);
    showPhones();
  });
  live.addEventListener("pauses", (event) => showPauses(JSON.parse(event.data).items));
  live.onerror = () => {
    byId("state").textContent = "The simulator is not responding. Retrying…";
    if (live.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

function showNumbers(rows, withSite) {
  byId("numbers").replaceChildren(...rows.map((row) => {
    const ending = /^\d{4}$/.test(row.ends_with) ? row.ends_with : "4567";
    const what = element("div", "what",
      element("p", "", element("span", "tag telegram", "Telegram"), " ", row.telegram),
      element("p", "", element("span", "tag sms", "SMS"), " ", row.sms));
    const item = element("li", "", element("strong", "ending", /^\d{4}$/.test(row.ends_with) ? "…" + ending : "others"), what);
    if (withSite) {
      const button = element("button", "quiet", "Try");
      button.type = "button";
      button.setAttribute("aria-label", "Try a number ending in " + ending);
      // A new number each time, to avoid limits and pending verifications.
      button.addEventListener("click", () => tryNumber("+99890" + String(100 + Math.floor(Math.random() * 900)) + ending));
      item.append(button);
    }
    return item;
  }));
}

function startTheme() {
  const button = byId("theme");
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const dark = stored() ? stored() === "dark" : prefersDark.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-label", dark ? "Switch to light colours" : "Switch to dark colours");
    button.setAttribute("aria-pressed", String(dark));
  };
  button.addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme !== "dark";
    try { localStorage.setItem("theme", dark ? "dark" : "light"); } catch { /* not remembered */ }
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    show();
  });
  prefersDark.addEventListener("change", show);
  show();
}

async function begin() {
  startTheme();
  byId("telegram-url").textContent = location.origin + "/telegram";
  byId("sms-url").textContent = location.origin + "/sms/send";
  byId("messages-url").textContent = location.origin + "/phones/+998901234567/messages";
  const settings = await (await fetch("/settings")).json();
  const withSite = Boolean(settings.gateway_url);
  showNumbers(settings.numbers, withSite);
  if (withSite) {
    startSite(settings);
    const docs = byId("docs");
    if (/^https?:\/\//.test(settings.gateway_url)) {
      docs.href = settings.gateway_url + "/docs/";
      docs.hidden = false;
    }
  } else {
    byId("alone").hidden = false;
    byId("config").textContent = [
      "[telegram]", 'token    = "any"', `base_url = "${location.origin}/telegram"`, "",
      "[[sms.providers]]", 'name       = "simulator"', 'kind       = "http"', `url        = "${location.origin}/sms/send"`,
      'json       = { to = "{to}", text = "{text}", ref = "{attempt_id}", dlr = "{callback_url}" }', 'id_pointer = "/message_id"',
      'report     = { id_pointer = "/message_id", status_pointer = "/status", delivered = ["DELIVRD"], failed = ["UNDELIV"] }',
      'prices     = { "*" = "0.08" }', 'currency   = "USD"',
    ].join("\n");
  }
  listen();
}

begin().catch(() => (byId("state").textContent = "The simulator is not responding. Reload the page."));
