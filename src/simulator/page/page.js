// Starts the page: words, colours, addresses, the table of magic numbers, the live stream of phones and pauses.
import { codeBox, copy } from "/box.js";
import { startCalls } from "/calls.js";
import { byId, button, element, rich } from "/dom.js";
import { showPhones, startPhones } from "/phones.js";
import { startSite, tryNumber, useCode, wantsCode } from "/site.js";
import { clock, onLanguage, startTexts, t } from "/texts.js";
import { channelName } from "/timeline.js";

function startTheme() {
  const pressed = byId("theme");
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const isDark = stored() ? stored() === "dark" : prefersDark.matches;
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    pressed.title = t(isDark ? "theme_to_light" : "theme_to_dark");
    pressed.setAttribute("aria-label", pressed.title);
  };
  pressed.addEventListener("click", () => {
    const isDark = document.documentElement.dataset.theme !== "dark";
    try { localStorage.setItem("theme", isDark ? "dark" : "light"); } catch { /* not remembered */ }
    show();
  });
  prefersDark.addEventListener("change", show);
  onLanguage(show);
  show();
}

// --- Pauses of providers

let pauses = [];
let isOver = false;

function showPauses() {
  const lines = pauses.map((item) => element("p", "pause", t("pause", { provider: channelName(item.provider), time: clock(item.until) })));
  if (isOver) {
    const hide = button("quiet", "✕");
    hide.setAttribute("aria-label", t("dismiss"));
    hide.addEventListener("click", () => {
      isOver = false;
      showPauses();
    });
    lines.push(element("p", "pause over", t("pause_over"), hide));
  }
  byId("pauses").replaceChildren(...lines);
}

function newPauses(items) {
  isOver = !items.length && (isOver || pauses.length > 0);
  pauses = items;
  showPauses();
}

// --- Live

function listen() {
  const live = new EventSource("/live");
  live.addEventListener("phones", (event) => showPhones(JSON.parse(event.data).items));
  live.addEventListener("pauses", (event) => newPauses(JSON.parse(event.data).items));
  live.onerror = () => {
    byId("state").textContent = t("state_away");
    if (live.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

// --- Magic numbers and addresses

function showNumbers(rows, withSite) {
  byId("numbers").replaceChildren(...rows.map((row) => {
    const isMagic = row.ends_with !== null;
    const ending = row.ends_with ?? "4567";
    const what = element("div", "what",
      element("p", "", element("span", "tag telegram", "Telegram"), " ", ...rich(t("magic_telegram_" + row.telegram))),
      element("p", "", element("span", "tag sms", "SMS"), " ", ...rich(t("magic_sms_" + row.sms))));
    const item = element("li", "", element("strong", "ending", isMagic ? "…" + ending : t("others")), what);
    if (withSite) {
      const pressed = button("quiet", t("try"));
      pressed.dataset.ending = ending;
      pressed.setAttribute("aria-label", t("try_ending", { ending }));
      // A new number each time, to avoid limits and pending verifications.
      pressed.addEventListener("click", () => tryNumber("+99890" + String(100 + Math.floor(Math.random() * 900)) + ending));
      item.append(pressed);
    }
    return item;
  }));
}

function showAddresses() {
  const addresses = { address_messages: "/phones/+998901234567/messages", address_telegram: "/telegram", address_sms: "/sms/send" };
  byId("addresses").replaceChildren(...Object.entries(addresses).map(([key, path]) => {
    const pressed = button("quiet", t("copy"));
    pressed.setAttribute("aria-label", `${t("copy")}: ${t(key).replaceAll("`", "")}`);
    pressed.addEventListener("click", () => copy(location.origin + path, pressed));
    return element("div", "", element("dt", "", ...rich(t(key))), element("dd", "", element("code", "", location.origin + path)), element("dd", "", pressed));
  }));
}

function showConfig() {
  const config = [
    "[telegram]", 'token    = "any"', `base_url = "${location.origin}/telegram"`, "",
    "[[sms.providers]]", 'name       = "simulator"', 'kind       = "http"', `url        = "${location.origin}/sms/send"`,
    'json       = { to = "{to}", text = "{text}", ref = "{attempt_id}", dlr = "{callback_url}" }', 'id_pointer = "/message_id"',
    'report     = { id_pointer = "/message_id", status_pointer = "/status", delivered = ["DELIVRD"], failed = ["UNDELIV"] }',
    'prices     = { "*" = "0.08" }', 'currency   = "USD"',
  ].join("\n");
  byId("config").replaceChildren(codeBox(t("config"), element("code", "", config), config));
}

function link(id, url) {
  if (!/^https?:\/\//.test(url)) return;
  byId(id).href = url;
  byId(id).hidden = false;
}

async function begin() {
  await startTexts();
  startTheme();
  byId("state").textContent = t("state_connecting");
  const settings = await (await fetch("/settings")).json();
  const withSite = Boolean(settings.gateway_url);
  const showTables = () => {
    showNumbers(settings.numbers, withSite);
    showAddresses();
    if (!withSite) showConfig();
    showPauses();
  };
  onLanguage(showTables);
  showTables();
  startPhones(withSite ? { useCode, wantsCode } : null);
  listen();
  if (withSite) {
    startCalls(settings);
    link("dashboard", settings.gateway_url + "/dashboard");
    link("docs", settings.gateway_url + "/docs/");
    await startSite();
  } else {
    byId("alone").hidden = false;
    for (const id of ["timeline-card", "calls-card"]) byId(id).hidden = true;
    document.body.classList.add("alone");
  }
  document.documentElement.classList.remove("loading");
}

begin().catch(() => {
  document.documentElement.classList.remove("loading");
  byId("state").textContent = t("state_reload");
});
