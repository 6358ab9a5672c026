// twilio: the official library for Node.js, pointed at Pinroute by one assignment; also with autoRetry.
import assert from "node:assert/strict";

import twilio from "twilio";

import { Phone, dialect, letTheLastSendBe, step } from "./surroundings.mjs";

const settings = dialect("twilio");
const SERVICE = settings.service_sid;

function clientOf(username, password, options) {
  const client = twilio(username, password, options);
  client.verify.baseUrl = settings.base_url;
  return client;
}

/** Of some codes only the code is known, not the status that Twilio gives them. */
async function refused(call, code, status) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof twilio.RestException, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(status === undefined || error.status === status, `status ${error.status}`);
    assert.ok(error.moreInfo.endsWith(`/${code}`), error.moreInfo);
    return true;
  });
}

const wrong = (code) => (/[^0]/.test(code) ? "0" : "1").repeat(code.length);

const account = { accountSid: settings.account_sid };
const verify = clientOf(settings.api_key_sid, settings.api_key_secret, account).verify.v2;
const service = verify.services(SERVICE);
const start = (phone, options = {}) => service.verifications.create({ to: phone.number, channel: "sms", ...options });
const check = (phone, code) => service.verificationChecks.create({ to: phone.number, code });

step("the service");
const fetched = await service.fetch();
assert.deepEqual([fetched.sid, fetched.accountSid], [SERVICE, settings.account_sid]);
assert.ok(fetched.codeLength >= 4 && fetched.codeLength <= 8 && fetched.customCodeEnabled === true);
assert.ok(fetched.dateCreated instanceof Date && fetched.dateUpdated instanceof Date);
assert.ok((await verify.services.list()).some((item) => item.sid === SERVICE));

step("a verification");
let phone = await Phone.of("1001");
const created = await service.verifications.createWithHttpInfo({ to: phone.number, channel: "sms" });
assert.equal(created.statusCode, 201);
const first = created.body;
assert.match(first.sid, /^VE[0-9a-f]{32}$/);
assert.deepEqual(
  [first.serviceSid, first.accountSid, first.to, first.channel, first.status, first.valid],
  [SERVICE, settings.account_sid, phone.number, "sms", "pending", false],
);
assert.deepEqual([first.lookup, first.amount, first.payee, first.sna], [{}, null, null, null]);
assert.ok(first.dateCreated instanceof Date && first.dateUpdated instanceof Date);
assert.equal(first.sendCodeAttempts.length, 1);
assert.match(first.sendCodeAttempts[0].attempt_sid, /^VL[0-9a-f]{32}$/);

step("a second one within 2 s is the first");
let again = await start(phone);
assert.deepEqual([again.sid, again.sendCodeAttempts], [first.sid, first.sendCodeAttempts]);
const message = await phone.nextMessage();
assert.equal(message.channel, "telegram");

step("a later one sends the same code by the next step");
await letTheLastSendBe();
assert.ok(await phone.isSilent());
again = await start(phone);
assert.deepEqual([again.sid, again.sendCodeAttempts.length], [first.sid, 2]);
const resent = await phone.nextMessage();
assert.deepEqual([resent.channel, resent.code], ["sms", message.code]);

step("fetched by SID and by number");
for (const key of [first.sid, phone.number]) {
  const found = await service.verifications(key).fetch();
  assert.deepEqual([found.sid, found.status, found.sendCodeAttempts], [first.sid, "pending", again.sendCodeAttempts]);
}

step("a wrong code, the right one, and the right one again");
let checked = await check(phone, wrong(message.code));
assert.deepEqual([checked.sid, checked.status, checked.valid], [first.sid, "pending", false]);
checked = await check(phone, message.code);
assert.deepEqual([checked.sid, checked.status, checked.valid], [first.sid, "approved", true]);
assert.deepEqual(checked.snaAttemptsErrorCodes, []);
assert.ok(checked.dateCreated instanceof Date && checked.dateUpdated instanceof Date);
await refused(() => check(phone, message.code), 20404, 404);
await refused(() => service.verifications(first.sid).fetch(), 20404, 404);

step("the cap of sends, and pages of its attempts");
phone = await Phone.of("1002");
let last;
for (let count = 1; count <= 5; count++) {
  if (count > 1) await letTheLastSendBe();
  last = await start(phone);
  assert.equal(last.sendCodeAttempts.length, count);
}
await letTheLastSendBe();
await refused(() => start(phone), 60203, 429);
const sids = last.sendCodeAttempts.map((attempt) => attempt.attempt_sid).sort();
const mine = { "channelData.to": phone.number, verificationSid: last.sid };
const listed = await verify.verificationAttempts.list({ ...mine, pageSize: 2 });
assert.deepEqual(listed.map((attempt) => attempt.sid).sort(), sids);
const page = await verify.verificationAttempts.page({ ...mine, pageSize: 3 });
const next = await page.nextPage();
assert.deepEqual([page.instances.length, next.instances.length, next.nextPageUrl], [3, 2, undefined]);
const attempt = await verify.verificationAttempts(sids[0]).fetch();
assert.deepEqual([attempt.verificationSid, attempt.channelData.to], [last.sid, phone.number]);
assert.equal(attempt.conversionStatus, "unconverted");
assert.ok(attempt.dateCreated instanceof Date);

step("the summary");
const summary = await verify.verificationAttemptsSummary().fetch({ verifyServiceSid: SERVICE });
assert.equal(summary.totalAttempts, summary.totalConverted + summary.totalUnconverted);
assert.ok(Number.isFinite(Number(summary.conversionRatePercentage)), summary.conversionRatePercentage);

step("every option that changes nothing in the answer, and an own code");
phone = await Phone.of("1003");
const full = await start(phone, {
  customCode: "481516",
  locale: "ru",
  customFriendlyName: "Shop",
  appHash: "FA+9qCX9VSu",
  tags: JSON.stringify({ order: "42" }),
  deviceIp: "203.0.113.7",
  rateLimits: { no_such_limit: "203.0.113.7" },
  riskCheck: "enable",
  enableSnaClientToken: false,
});
assert.equal((await phone.nextMessage()).code, "481516");
const approved = await service.verificationChecks.create({ verificationSid: full.sid, code: "481516" });
assert.deepEqual([approved.sid, approved.status], [full.sid, "approved"]);

step("canceled, and approved by the host's word");
phone = await Phone.of("1004");
const direct = await service.verifications.create({ to: phone.number, channel: "telegram" });
assert.equal(direct.channel, "telegram");
const canceled = await service.verifications(direct.sid).update({ status: "canceled" });
assert.deepEqual([canceled.sid, canceled.status, canceled.valid], [direct.sid, "canceled", false]);
await refused(() => check(phone, "123456"), 20404, 404);
await letTheLastSendBe();
const anew = await start(phone);
assert.notEqual(anew.sid, direct.sid);
const told = await service.verifications(phone.number).update({ status: "approved" });
assert.deepEqual([told.sid, told.status, told.valid], [anew.sid, "approved", true]);

step("autoRetry repeats a refused check, and a refused send, to no effect");
phone = await Phone.of("1005");
const locked = await start(phone);
const { code } = await phone.nextMessage();
for (let count = 0; count < 5; count++) {
  checked = await check(phone, wrong(code));
  assert.deepEqual([checked.status, checked.valid], ["pending", false]);
}
const before = await service.verifications(locked.sid).fetch();
assert.equal(before.status, "max_attempts_reached");
const retrying = clientOf(settings.api_key_sid, settings.api_key_secret, { ...account, autoRetry: true });
let requests = 0;
retrying.httpClient.axios.interceptors.request.use((request) => {
  requests += 1;
  return request;
});
const retried = retrying.verify.v2.services(SERVICE);
await refused(() => retried.verificationChecks.create({ to: phone.number, code }), 60202, 429);
assert.equal(requests, 4);
await refused(() => retried.verifications.create({ to: phone.number, channel: "sms" }), 60202, 429);
assert.equal(requests, 8);
// Telegram may report in between that the message was read.
const steady = (verification) => ({ ...verification.toJSON(), dateUpdated: null });
assert.deepEqual(steady(await service.verifications(locked.sid).fetch()), steady(before));
assert.ok(await phone.isSilent());

step("faults");
phone = await Phone.of("1006");
await refused(() => service.verifications.create({ to: "+99812", channel: "sms" }), 60200, 400);
await refused(() => service.verifications.create({ to: phone.number, channel: "pigeon" }), 60200, 400);
await refused(() => check(phone, "123456"), 20404, 404);
await refused(() => verify.services(`VA${"0".repeat(32)}`).fetch(), 20404, 404);
await refused(() => service.update({ codeLength: 5 }), 20403, 403);
await refused(() => service.rateLimits.create({ uniqueName: "ip" }), 20403, 403);
await refused(() => verify.safelist.create({ phoneNumber: phone.number }), 20403, 403);
await refused(() => clientOf(settings.account_sid, "pin_wrong").verify.v2.services(SERVICE).fetch(), 20003, 401);

step("the account's SID as the user");
const byAccount = clientOf(settings.account_sid, settings.api_key_secret);
assert.equal((await byAccount.verify.v2.services(SERVICE).fetch()).sid, SERVICE);
