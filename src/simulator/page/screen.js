// The screen of the phone on the table: a chat per channel, oldest message first. What is on it stays in place when a message
// arrives or is read.
import { copy } from "/box.js";
import { byId, button, element } from "/dom.js";
import { clock, t } from "/texts.js";
import { channelName } from "/timeline.js";

// The phone shown, its chats by channel and its bubbles by message.
let number = null;
let chats = new Map();
let bubbles = new Map();

export const newestOf = (phone) => phone.messages[0];

export const keyOf = (message) => message.channel + message.at + message.text;

export function clearScreen() {
  number = null;
}

function tick(bubble, message) {
  const ticks = bubble.querySelector(".ticks");
  ticks.textContent = message.status === "read" ? "✓✓" : "✓";
  ticks.className = "ticks " + message.status;
  ticks.title = t("message_" + message.status);
  ticks.setAttribute("aria-label", t("message_" + message.status));
}

function newBubble(message, useCode) {
  const text = element("p", "text");
  const at = message.code ? message.text.indexOf(message.code) : -1;
  if (at >= 0) text.append(message.text.slice(0, at), element("strong", "", message.code), message.text.slice(at + message.code.length));
  else text.textContent = message.text;
  const time = element("time", "", clock(message.at));
  time.dateTime = message.at;
  const ticks = element("span", "ticks");
  ticks.setAttribute("role", "img");
  const bubble = element("li", "bubble", text, element("span", "meta", time, " ", ticks));
  tick(bubble, message);
  if (message.code) {
    const key = message.channel === "telegram" || !useCode ? "copy_code" : "use_code";
    const pressed = button("copy", t(key));
    pressed.setAttribute("aria-label", t(key + "_of", { code: message.code }));
    const to = number;
    pressed.addEventListener("click", () => {
      copy(message.code, pressed);
      useCode?.(to, message.code);
    });
    bubble.append(pressed);
  }
  return bubble;
}

function newChat(channel) {
  const isTelegram = channel === "telegram";
  const name = element("span", "name", isTelegram ? t("telegram_sender") : "Pinroute");
  if (isTelegram) {
    const mark = element("span", "verified", "✓");
    mark.title = t("verified");
    name.append(" ", mark);
  }
  const avatar = element("span", "avatar", isTelegram ? "✈" : "P");
  avatar.setAttribute("aria-hidden", "true");
  const title = element("header", "", avatar, element("span", "", name, element("span", "via", channelName(channel))));
  const list = element("ol", "");
  const chat = element("section", "chat " + channel, title, list);
  chat.setAttribute("aria-label", t(isTelegram ? "chat_telegram" : "chat_sms"));
  return { chat, list };
}

export function showScreen(phone, useCode) {
  const screen = byId("screen");
  if (number !== phone.phone_number || !phone.messages.length) {
    number = phone.phone_number;
    chats = new Map();
    bubbles = new Map();
    screen.replaceChildren(...(phone.messages.length ? [] : [element("p", "waiting", t("phone_waiting"))]));
  }
  if (phone.messages.length) screen.querySelector(".waiting")?.remove();
  let arrived = null;
  for (const message of phone.messages.slice().reverse()) {
    const key = keyOf(message);
    if (bubbles.has(key)) {
      tick(bubbles.get(key), message);
      continue;
    }
    if (!chats.has(message.channel)) {
      chats.set(message.channel, newChat(message.channel));
      screen.append(chats.get(message.channel).chat);
    }
    arrived = newBubble(message, useCode);
    chats.get(message.channel).list.append(arrived);
    bubbles.set(key, arrived);
  }
  const now = new Set(phone.messages.map(keyOf));
  for (const [key, bubble] of bubbles) {
    if (now.has(key)) continue;
    bubble.remove();
    bubbles.delete(key);
  }
  if (arrived) screen.scrollTop = arrived.offsetTop + arrived.offsetHeight - screen.clientHeight + 12;
  byId("phone-time").textContent = clock(phone.messages.length ? newestOf(phone).at : Date.now()).slice(0, 5);
}
