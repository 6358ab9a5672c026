// Shows the virtual phones and asks for them again each second. Data goes into the page as text only.
"use strict";

const byId = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function messageItem(message) {
  const isTelegram = message.channel === "telegram";
  const item = element("li", "message " + (isTelegram ? "telegram" : "sms"));
  const about = element("p", "about");
  about.append(element("span", "channel", isTelegram ? "Telegram" : "SMS"));
  const when = element("time", "", new Date(message.at).toLocaleTimeString() + ", " + message.status);
  when.dateTime = message.at;
  about.append(when);
  item.append(about, element("p", "", message.text));
  return item;
}

function phoneCard(phone) {
  const card = element("article", "phone");
  const list = element("ol");
  list.append(...phone.messages.map(messageItem));
  card.append(element("h3", "", phone.phone_number), list);
  return card;
}

let shown = "";

async function showPhones() {
  try {
    const answer = await fetch("/phones", { cache: "no-store" });
    if (!answer.ok) throw new Error("HTTP " + answer.status);
    const text = await answer.text();
    if (text !== shown) {
      const phones = JSON.parse(text).items;
      byId("phones").replaceChildren(...phones.map(phoneCard));
      byId("state").textContent = phones.length
        ? "Messages appear here as they arrive; the newest phone comes first."
        : "No message has arrived yet. Send a verification to any number.";
      shown = text;
    }
  } catch {
    byId("state").textContent = "The simulator does not answer; trying again.";
    shown = "";
  }
  setTimeout(showPhones, 1000);
}

let pausedBefore = false;
let endShownUntil = 0;

// The gateway says which providers it leaves alone for a while; the end of a pause stays in sight for ten seconds.
async function showPauses() {
  let items = [];
  try {
    items = (await (await fetch("/pauses", { cache: "no-store" })).json()).items;
  } catch {
    // The phones' own line says that the simulator does not answer.
  }
  if (pausedBefore && items.length === 0) endShownUntil = Date.now() + 10000;
  pausedBefore = items.length > 0;
  const line = byId("pauses");
  const words = items.map((item) =>
    "The gateway pauses " + item.provider + " until " + new Date(item.until).toLocaleTimeString() + ": sends go on to the next step.");
  const ended = Date.now() < endShownUntil ? "The gateway's pause is over; the next real send probes." : "";
  line.textContent = words.join(" ") || ended;
  line.hidden = line.textContent === "";
  setTimeout(showPauses, 1000);
}

async function showSettings() {
  const settings = await (await fetch("/settings")).json();
  byId("numbers").replaceChildren(...settings.numbers.map((row) => {
    const line = element("tr");
    const ending = element("th", "", row.ends_with);
    ending.scope = "row";
    line.append(ending, element("td", "", row.telegram), element("td", "", row.sms));
    return line;
  }));
  if (settings.gateway_url && /^https?:\/\//.test(settings.gateway_url)) {
    const link = byId("gateway-link");
    link.href = settings.gateway_url;
    link.textContent = settings.gateway_url;
    byId("gateway").hidden = false;
  }
}

byId("telegram-url").textContent = location.origin + "/telegram";
byId("sms-url").textContent = location.origin + "/sms/send";
byId("messages-url").textContent = "GET " + location.origin + "/phones/+15550100100/messages";
showSettings().catch(() => {});
showPhones();
showPauses();
