// standardwebhooks for Node.js signs a request of Supabase's Send SMS hook.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { Webhook } from "standardwebhooks";

import { Phone, step, url } from "./surroundings.mjs";

const admin = { Authorization: `Bearer ${process.env.PINROUTE_ADMIN_KEY}`, "Content-Type": "application/json" };

async function create() {
  const body = JSON.stringify({ kind: "supabase", name: "a test's" });
  const answer = await fetch(`${url}/v1/integrations`, { method: "POST", headers: admin, body });
  assert.equal(answer.status, 201);
  return answer.json();
}

/** The body: numbers have no plus sign there. */
function said(phone, code) {
  const number = phone.number.slice(1);
  return JSON.stringify({
    metadata: { uuid: randomUUID(), name: "send-sms", ip_address: "203.0.113.7" },
    user: { id: randomUUID(), phone: number, app_metadata: {}, user_metadata: {} },
    sms: { otp: code, phone: number },
  });
}

/** The headers, `late` seconds ago. Supabase writes `v1,` before the secret. */
function signed({ secret }, body, late = 0) {
  const at = new Date(Date.now() - late * 1000);
  const id = randomUUID();
  return {
    "Content-Type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret.replace(/^v1,/, "")).sign(id, at, body),
  };
}

const hook = await create();
const stranger = await create();

async function post(headers, body) {
  const answer = await fetch(url + new URL(hook.url).pathname, { method: "POST", headers, body });
  return { status: answer.status, body: await answer.json() };
}

async function refused(headers, body) {
  const answer = await post(headers, body);
  assert.deepEqual([answer.status, answer.body.code], [401, "authentication_failed"]);
}

try {
  step("a code, which Telegram delivers, once");
  let phone = await Phone.of("1001");
  let body = said(phone, "561166");
  const first = await post(signed(hook, body), body);
  assert.deepEqual([first.status, first.body.code], [200, "ok"]);
  const message = await phone.nextMessage();
  assert.deepEqual([message.channel, message.code], ["telegram", "561166"]);
  assert.deepEqual(await post(signed(hook, body), body), first);
  assert.ok(await phone.isSilent());

  step("refused: altered, old, signed by another, not signed");
  phone = await Phone.of("1002");
  body = said(phone, "561166");
  const good = signed(hook, body);
  await refused(good, body.replace("561166", "561167"));
  await refused(signed(hook, body, 310), body);
  await refused(signed(hook, body, -310), body);
  await refused(signed(stranger, body), body);
  await refused({ "Content-Type": "application/json" }, body);
  assert.ok(await phone.isSilent());
  assert.equal((await post(good, body)).status, 200);
  assert.equal((await phone.nextMessage()).code, "561166");
} finally {
  for (const { id } of [hook, stranger]) {
    await fetch(`${url}/v1/integrations/${id}`, { method: "DELETE", headers: admin });
  }
}
