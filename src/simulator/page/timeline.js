// The timeline of one verification, live, and what it has cost.
import { byId, element } from "/dom.js";
import { clock, keysAfter, knows, money, onLanguage, t } from "/texts.js";

const CHANNELS = { telegram: "Telegram", sms: "SMS" };
// Until a stream that broke off is opened again.
const PATIENCE = 3000;

let stream = null;
let again = null;
let followed = null;
let events = [];

export const channelName = (channel) => CHANNELS[channel] ?? channel;

function line(event) {
  const key = "event_" + event.type;
  const time = element("time", "", clock(event.at));
  time.dateTime = event.at;
  const said = element("span", "said", (knows(key) ? t(key) : event.type) + (event.money ? ` ${money(event.money.amount, event.money.currency)}` : ""));
  const made = element("li", event.type.replace(".", "-"), time, said);
  if (event.channel) made.append(element("span", "tag " + event.channel, channelName(event.channel)));
  if (event.reason) made.append(element("code", "reason", event.reason));
  return made;
}

function showAll() {
  byId("timeline-empty").hidden = events.length > 0;
  byId("timeline").replaceChildren(...events.map(line));
  byId("steps").scrollTop = byId("steps").scrollHeight;
}

// What the verification has cost so far, and by which attempts.
export function showCosts(verification) {
  if (!verification) {
    byId("total").replaceChildren("\u00a0");
    return;
  }
  const amount = (cost) => (cost.state === "free" ? "" : money(cost.amount, cost.currency) + " ");
  const attempts = verification.attempts.map(({ channel, cost }) => `${channelName(channel)}: ${amount(cost)}${t("cost_" + cost.state)}`);
  const costs = verification.costs.map((cost) => money(cost.amount, cost.currency)).join(" + ") || t("nothing");
  byId("total").replaceChildren(t("charged_so_far"), " ", element("strong", "", costs), attempts.length ? ` (${attempts.join(", ")})` : "");
}

// Follows a verification, or goes on following it. `changed` is called after each event; `isOpen` says whether more can come.
export function follow(id, changed, isOpen) {
  if (followed !== id) {
    followed = id;
    events = [];
    showAll();
  }
  clearTimeout(again);
  stream?.close();
  const source = new EventSource(`/site/v1/verifications/${id}/events`);
  stream = source;
  for (const type of keysAfter("event_")) {
    source.addEventListener(type, (message) => {
      const event = JSON.parse(message.data);
      if (followed !== id || events.some((known) => known.id === event.id)) return;
      events.push(event);
      byId("timeline-empty").hidden = true;
      byId("timeline").append(line(event));
      byId("steps").scrollTop = byId("steps").scrollHeight;
      changed();
    });
  }
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED || stream !== source) return;
    again = setTimeout(() => {
      if (followed === id && stream === source && isOpen()) follow(id, changed, isOpen);
    }, PATIENCE);
  };
}

export function forget() {
  clearTimeout(again);
  stream?.close();
  stream = null;
  followed = null;
  events = [];
  showAll();
}

onLanguage(showAll);
