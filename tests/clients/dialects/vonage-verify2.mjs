// @vonage/verify2: Vonage's official library, by an application's JWT, which is its way, and by a key.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID } from "node:crypto";

import { Auth } from "@vonage/auth";
import { Verify2 } from "@vonage/verify2";

import { Phone, dialect, step, url } from "./surroundings.mjs";

const settings = dialect("vonage");
const options = { apiHost: settings.base_url };
const digitsOf = (phone) => phone.number.slice(1);
const wrong = (code) => (/[^0]/.test(code) ? "0" : "1").repeat(code.length);

/** The library's JWT is the class's choice, not an option's. */
class BasicVerify2 extends Verify2 {
  authType = "basic";
}

function byKey(apiSecret) {
  return new BasicVerify2(new Auth({ apiKey: settings.api_key, apiSecret }), options);
}

async function refused(call, status) {
  let body;
  await assert.rejects(call, (error) => {
    assert.equal(error.response?.status, status, error.message);
    body = error.response.json();
    return true;
  });
  body = await body;
  assert.ok(body.title && body.detail, JSON.stringify(body));
  return body;
}

/** The whole flow, by numbers that begin with `range` after the prefix. */
async function walk(verify, range) {
  const start = (phone, rest = {}) =>
    verify.newRequest({ brand: "Shop", workflow: [{ channel: "sms", to: digitsOf(phone) }], ...rest });

  step("a request, a second one for its number, a wrong code, the right one");
  let phone = await Phone.of(`${range}1`);
  let { requestId, checkUrl } = await start(phone);
  assert.match(requestId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.equal(checkUrl, undefined);
  const message = await phone.nextMessage();
  assert.equal(message.channel, "telegram");
  assert.equal(message.code.length, 4);
  const conflict = await refused(() => start(phone), 409);
  assert.equal(conflict.request_id, requestId);
  assert.ok(await phone.isSilent());
  await refused(() => verify.checkCode(requestId, wrong(message.code)), 400);
  assert.equal(await verify.checkCode(requestId, message.code), "completed");
  await refused(() => verify.checkCode(requestId, message.code), 404);

  step("every option");
  phone = await Phone.of(`${range}2`);
  ({ requestId } = await start(phone, {
    locale: "ru-ru",
    channelTimeout: 60,
    clientRef: "order-42",
    codeLength: 6,
    fraudCheck: true,
    workflow: [{ channel: "sms", to: digitsOf(phone), appHash: "FA+9qCX9VSu" }],
  }));
  const { code } = await phone.nextMessage();
  assert.equal(code.length, 6);
  assert.equal(await verify.checkCode(requestId, code), "completed");

  step("the next step of a workflow, and none after it");
  phone = await Phone.of(`${range}3`);
  const workflow = ["telegram", "sms"].map((channel) => ({ channel, to: digitsOf(phone) }));
  ({ requestId } = await start(phone, { workflow }));
  const sent = await phone.nextMessage();
  assert.equal(sent.channel, "telegram");
  assert.equal(await verify.nextWorkflow(requestId), true);
  const next = await phone.nextMessage();
  assert.deepEqual([next.channel, next.code], ["sms", sent.code]);
  assert.equal(await verify.nextWorkflow(requestId), false);

  step("canceled");
  assert.equal(await verify.cancel(requestId), true);
  assert.equal(await verify.cancel(requestId), false);
  await refused(() => verify.checkCode(requestId, sent.code), 404);

  step("an own code, with letters");
  phone = await Phone.of(`${range}4`);
  ({ requestId } = await start(phone, { code: "A1b2C3" }));
  const lettered = await phone.nextMessage();
  assert.equal(lettered.channel, "sms");
  assert.ok(lettered.text.includes("A1b2C3"), lettered.text);
  assert.equal(await verify.checkCode(requestId, "A1b2C3"), "completed");

  step("three wrong codes, and no fourth");
  phone = await Phone.of(`${range}5`);
  ({ requestId } = await start(phone));
  const secret = (await phone.nextMessage()).code;
  for (let count = 0; count < 3; count++) await refused(() => verify.checkCode(requestId, wrong(secret)), 400);
  await refused(() => verify.checkCode(requestId, wrong(secret)), 410);
  await refused(() => verify.checkCode(requestId, secret), 410);

  step("faults");
  await refused(() => verify.newRequest({ brand: "Shop", workflow: [{ channel: "sms", to: "99812" }] }), 422);
  const other = digitsOf(await Phone.of(`${range}7`));
  const two = [
    { channel: "telegram", to: digitsOf(await Phone.of(`${range}6`)) },
    { channel: "sms", to: other },
  ];
  await refused(() => verify.newRequest({ brand: "Shop", workflow: two }), 422);
  await refused(() => verify.checkCode(randomUUID(), "1234"), 404);
  assert.equal(await verify.nextWorkflow(randomUUID()), false);
  assert.equal(await verify.cancel(randomUUID()), false);
}

step("by a key");
await walk(byKey(settings.api_secret), "100");
await refused(() => byKey("pin_wrong").checkCode(randomUUID(), "1234"), 401);

step("a number without Telegram");
const phone = await Phone.of("0001");
const verify = byKey(settings.api_secret);
const { requestId } = await verify.newRequest({ brand: "Shop", workflow: [{ channel: "sms", to: digitsOf(phone) }] });
const message = await phone.nextMessage();
assert.equal(message.channel, "sms");
assert.equal(await verify.checkCode(requestId, message.code), "completed");

if (process.env.PINROUTE_ADMIN_KEY === undefined) {
  step("without PINROUTE_ADMIN_KEY no application is registered");
  process.exit();
}

const keys = () =>
  generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

step("by an application's JWT");
const { publicKey, privateKey } = keys();
const registered = await fetch(`${url}/v1/integrations`, {
  method: "POST",
  headers: { Authorization: `Bearer ${process.env.PINROUTE_ADMIN_KEY}`, "Content-Type": "application/json" },
  body: JSON.stringify({ kind: "vonage_application", public_key: publicKey }),
});
const application = await registered.json();
assert.equal(registered.status, 201, JSON.stringify(application));
assert.ok(application.signature_secret, "the secret is shown once");
const applicationId = application.application_id;
await walk(new Verify2(new Auth({ applicationId, privateKey }), options), "200");

step("refused: another private key, an unknown application, a JWT of the past and one for too long");
const now = Math.floor(Date.now() / 1000);
for (const credentials of [
  { applicationId, privateKey: keys().privateKey },
  { applicationId: randomUUID(), privateKey },
  { applicationId, privateKey, jwtOptions: { issued_at: now - 2000, ttl: -1000 } },
  { applicationId, privateKey, jwtOptions: { ttl: 25 * 60 * 60 } },
]) {
  await refused(() => new Verify2(new Auth(credentials), options).checkCode(randomUUID(), "1234"), 401);
}
