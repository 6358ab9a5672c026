// clients/typescript: the whole way, then what only a server that misbehaves shows.
import { createHmac } from "node:crypto";
import type { webcrypto } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ChannelUnavailable,
  ConnectionLost,
  NumberRefused,
  Pinroute,
  PinrouteError,
  ProblemError,
  ProofInvalid,
  ServiceUnavailable,
  TooSoon,
  UnexpectedAnswer,
  VerificationOver,
  WebhookInvalid,
  verifyWebhook,
} from "@pinroute/client";
import type { EventType, ProblemCode, Verification, WebhookMessage } from "@pinroute/client";

const URL_ = process.env.PINROUTE_URL!;
const KEY = process.env.PINROUTE_KEY!;
const CODE = "424242";

/** One of several, since sends to one number are limited. */
function number(which: number): string {
  const given = process.env.PINROUTE_NUMBER!;
  return `${given.slice(0, -4)}${which}${given.slice(-3)}`;
}

function expect(fact: boolean, what: string): asserts fact {
  if (!fact) throw new Error(what);
}

async function thrown<E extends Error>(kind: abstract new (...given: never[]) => E, run: () => unknown): Promise<E> {
  try {
    await run();
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  throw new Error(`no ${kind.name}`);
}

// --- Servers of the tests

/** Forwards to Pinroute, and cuts the first event stream inside its second event. */
async function cutter(): Promise<{ url: string; resumedAfter: string[]; close: () => void }> {
  const resumedAfter: string[] = [];
  const upstream = new URL(URL_);
  let hasCut = false;
  const server = createServer((near) => {
    const far = connect(Number(upstream.port), upstream.hostname);
    for (const socket of [near, far]) socket.on("error", () => undefined);
    near.on("data", (said) => {
      const id = /last-event-id: *(\d+)/i.exec(said.toString("latin1"));
      if (id?.[1]) resumedAfter.push(id[1]);
      far.write(said);
    });
    far.on("data", (said) => {
      const mark = "id: 2\n";
      const at = said.indexOf(mark);
      if (at < 0 || hasCut) {
        near.write(said);
        return;
      }
      hasCut = true;
      near.write(said.subarray(0, at + mark.length));
      // A runtime may drop what arrives together with the end.
      setTimeout(() => near.destroy(), 100);
      far.destroy();
    });
    near.on("close", () => far.destroy());
    far.on("end", () => near.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, resumedAfter, close: () => server.close() };
}

type Reply = { status: number; said?: unknown; headers?: Record<string, string> } | "hang up" | "silence";
type Asked = { headers: IncomingHttpHeaders; body: Buffer };

/** Answers as it is told, the last answer again and again, and keeps what it was asked. */
class Server {
  readonly asked: Asked[] = [];
  url = "";
  readonly #http = createHttpServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    this.asked.push({ headers: request.headers, body: Buffer.concat(parts) });
    const reply = this.#replies.length > 1 ? this.#replies.shift() : this.#replies[0];
    if (reply === "hang up") request.socket.destroy();
    else if (reply && reply !== "silence") {
      response.writeHead(reply.status, reply.headers).end(reply.said === undefined ? "" : JSON.stringify(reply.said));
    }
  });
  readonly #replies: Reply[];

  private constructor(replies: Reply[]) {
    this.#replies = replies;
  }

  static async of(...replies: Reply[]): Promise<Server> {
    const server = new Server(replies);
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    server.url = `http://127.0.0.1:${(server.#http.address() as AddressInfo).port}`;
    return server;
  }

  async next(): Promise<Asked> {
    for (let tries = 0; tries < 400; tries += 1) {
      const asked = this.asked.shift();
      if (asked) return asked;
      await sleep(50);
    }
    throw new Error("nothing was asked");
  }

  close(): void {
    this.#http.close();
    this.#http.closeAllConnections();
  }
}

function problem(status: number, code: ProblemCode, headers: Record<string, string> = {}): Reply {
  return { status, said: { type: "", title: "", status, detail: "", code }, headers };
}

// --- The whole way

const client = new Pinroute(URL_, KEY);

async function walk(projectId: string): Promise<void> {
  const request = { phone_number: number(6), code: CODE, locale: "ru", client: { user_agent: "test" }, wait: 5 };
  const started = await client.start(request);
  expect(started.status === "pending" && started.reused === undefined, "a start");
  const again = await client.start({ phone_number: number(6), code: CODE });
  expect(again.id === started.id && again.reused === true, "a second start");
  expect((await client.get(started.id)).checks_left === 5, "a look");

  const wrong = await client.check(started.id, "000000");
  expect(!wrong.valid && wrong.checks_left === 4, "a wrong code");
  const idempotencyKey = crypto.randomUUID();
  const right = await client.check(started.id, CODE, { idempotencyKey });
  expect(right.valid && right.proof !== undefined, "a right code");
  const repeated = await client.check(started.id, CODE, { idempotencyKey });
  expect(repeated.proof === right.proof, "a repeat");
  const over = await thrown(VerificationOver, () => client.check(started.id, CODE));
  expect(over.code === "verification_not_pending" && over.status === 409, "a check too many");
  expect(over.verificationStatus === "approved", "how it ended");

  const proof = right.proof;
  const whole = { audience: projectId, phoneNumber: number(6), verificationId: started.id };
  const claims = await client.verifyProof(proof, whole);
  expect(claims.sub === number(6) && claims.vid === started.id && claims.iss === URL_, "a proof");
  for (const other of [{ audience: "another" }, { phoneNumber: number(7) }, { verificationId: "another" }]) {
    await thrown(ProofInvalid, () => client.verifyProof(proof, { ...whole, ...other }));
  }
  const empty = undefined as unknown as string;
  await thrown(ProofInvalid, () => client.verifyProof(proof, { audience: projectId, phoneNumber: empty }));
  const [head, body, signature = ""] = proof.split(".");
  const forged = `${head}.${body}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
  await thrown(ProofInvalid, () => client.verifyProof(forged, { audience: projectId }));
  await thrown(ProofInvalid, () => client.verifyProof("no.proof", { audience: projectId }));
}

async function resendAndCancel(): Promise<void> {
  const started = await client.start({ phone_number: number(7), code: CODE, channels: ["sms"] });
  const soon = await thrown(TooSoon, () => client.resend(started.id));
  expect(soon.code === "resend_too_soon" && soon.status === 429 && soon.retryAfter !== undefined, "a resend too soon");
  await sleep(soon.retryAfter * 1000);
  const closed = await thrown(ChannelUnavailable, () => client.resend(started.id, "telegram"));
  expect(closed.channels.join() === "sms", "the open channels");
  const resent = await client.resend(started.id, "sms");
  expect(resent.channel === "sms" && resent.sends_left === started.sends_left - 1, "a resend");
  expect((await client.cancel(started.id)).status === "canceled", "a cancel");
  const over = await thrown(VerificationOver, () => client.resend(started.id));
  expect(over.verificationStatus === "canceled", "a resend after the end");
}

async function problems(): Promise<void> {
  const refused = await thrown(NumberRefused, () => client.start({ phone_number: "12" }));
  expect(refused.code === "phone_number_invalid" && refused.status === 422, "no number");
  expect(refused.errors[0]?.pointer === "/phone_number" && refused.requestId !== undefined, "the field at fault");
  const none = await thrown(VerificationOver, () => client.get(crypto.randomUUID()));
  expect(none.code === "verification_not_found" && none.retryAfter === undefined, "an unknown verification");
  const invalid = await thrown(ProblemError, () => client.start({ phone_number: number(6), ttl: 1 }));
  expect(invalid.constructor === ProblemError && invalid.code === "invalid_request", "a field out of range");
  const stranger = new Pinroute(URL_, "wrong");
  const unknown = await thrown(ProblemError, () => stranger.get("x"));
  const unheard = await thrown(ProblemError, () => stranger.events("x").next());
  expect(unknown.code === "unauthorized" && unheard.code === "unauthorized", "a wrong key");
}

async function events(): Promise<void> {
  const { url, resumedAfter, close } = await cutter();
  const watcher = new Pinroute(url, KEY);
  const started = await client.start({ phone_number: number(8), code: CODE });
  const seen: string[] = [];
  let last: EventType | undefined;
  for await (const event of watcher.events(started.id)) {
    seen.push(event.id);
    last = event.type;
    if (last === "verification.delivered") expect((await client.check(started.id, CODE)).valid, "a check");
  }
  expect(last === "verification.approved", "the end");
  expect(
    seen.every((id, index) => id === String(index + 1)),
    "each event once",
  );
  expect(resumedAfter.join() === `1,${seen.length}`, "where it resumed");
  const rest: string[] = [];
  for await (const event of watcher.events(started.id, { lastEventId: "2" })) rest.push(event.id);
  expect(rest.join() === seen.slice(2).join(), "only later events");

  const other = await client.start({ phone_number: number(9) });
  const controller = new AbortController();
  const watching = watcher.events(other.id, { signal: controller.signal });
  await watching.next();
  setTimeout(() => controller.abort(), 50);
  const ended = thrown(DOMException, async () => {
    for await (const _ of watching);
  });
  expect((await ended).name === "AbortError", "a caller who has seen enough");
  await client.cancel(other.id);
  close();
}

// --- Webhooks

async function webhooks(): Promise<void> {
  const receiver = await Server.of({ status: 204 });
  const api = async (method: string, path: string, body?: object): Promise<{ id: string; secret: string }> => {
    const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
    const answer = await fetch(URL_ + path, { method, headers, body: body ? JSON.stringify(body) : null });
    expect(answer.ok, `${method} ${path}: ${answer.status}`);
    return (answer.status === 204 ? {} : await answer.json()) as { id: string; secret: string };
  };
  const hook = await api("POST", "/v1/webhooks", { url: receiver.url, events: ["*"] });
  const address = `/v1/webhooks/${hook.id}`;
  let { headers, body }: Asked = { headers: {}, body: Buffer.alloc(0) };
  let message: WebhookMessage;
  let current = "";
  try {
    const canceled = await client.cancel((await client.start({ phone_number: number(7), payload: "webhooks" })).id);
    do {
      ({ headers, body } = await receiver.next());
      message = await verifyWebhook(body, headers, hook.secret);
    } while (message.type !== "verification.canceled");
    const about: Verification = message.data;
    expect(about.id === canceled.id, "what it is about");

    current = (await api("POST", `${address}/rotate`)).secret;
    await api("POST", `${address}/test`);
    do {
      ({ headers, body } = await receiver.next());
      message = await verifyWebhook(body, headers, hook.secret);
    } while (message.type !== "webhook.test");
    const again = await verifyWebhook(body.toString(), new Headers(headers as Record<string, string>), current);
    expect(JSON.stringify(again) === JSON.stringify(message), "the new secret");
    expect(String(headers["webhook-signature"]).split(" ").length === 2, "two signatures");
  } finally {
    await api("DELETE", address);
    receiver.close();
  }

  await thrown(WebhookInvalid, () => verifyWebhook(`${body} `, headers, current));
  await thrown(WebhookInvalid, () => verifyWebhook(body, { ...headers, "webhook-id": "another" }, current));
  await thrown(WebhookInvalid, () => verifyWebhook(body, {}, current));
  const stranger = `whsec_${Buffer.alloc(32).toString("base64")}`;
  await thrown(WebhookInvalid, () => verifyWebhook(body, headers, stranger));
  for (const [age, isTaken] of [
    [290, true],
    [310, false],
    [-310, false],
  ] as const) {
    const timestamp = String(Math.floor(Date.now() / 1000) - age);
    const hmac = createHmac("sha256", Buffer.alloc(32)).update(`${headers["webhook-id"]}.${timestamp}.`).update(body);
    const signed = {
      "Webhook-Id": String(headers["webhook-id"]),
      "Webhook-Timestamp": timestamp,
      "Webhook-Signature": `v1a,other v1,%%% v1,${hmac.digest("base64")}`,
    };
    if (isTaken) await verifyWebhook(body, signed, stranger);
    else await thrown(WebhookInvalid, () => verifyWebhook(body, signed, stranger));
  }
}

// --- Servers that misbehave

async function retries(): Promise<void> {
  const down = problem(503, "service_unavailable");
  const server = await Server.of(down, "hang up", down, { status: 201, said: { id: "x" } });
  expect((await new Pinroute(server.url, KEY).start({ phone_number: number(6) })).id === "x", "a start in the end");
  expect(server.asked.length === 4, "four tries");
  expect(new Set(server.asked.map(({ headers }) => headers["idempotency-key"])).size === 1, "one Idempotency-Key");
  server.close();

  const cases: [Reply, abstract new (...given: never[]) => PinrouteError, number][] = [
    [down, ServiceUnavailable, 3],
    [problem(503, "service_unavailable", { "retry-after": "600" }), ServiceUnavailable, 1],
    ["hang up", ConnectionLost, 3],
    ["silence", ConnectionLost, 3],
    [problem(429, "rate_limited", { "retry-after": "1" }), TooSoon, 1],
    [problem(500, "internal_error"), ProblemError, 1],
    [problem(409, "idempotency_in_progress"), ProblemError, 1],
    [{ status: 502, said: "a proxy" }, UnexpectedAnswer, 1],
    [{ status: 302, headers: { location: URL_ } }, UnexpectedAnswer, 1],
  ];
  for (const [reply, kind, tries] of cases) {
    const server = await Server.of(reply);
    const client = new Pinroute(server.url, KEY, { retries: 2, timeout: reply === "silence" ? 0.1 : 15 });
    const error = await thrown(kind, () => client.start({ phone_number: number(6), code: CODE }));
    expect(server.asked.length === tries, `${kind.name} after ${server.asked.length} tries`);
    expect(error.idempotencyKey === server.asked[0]?.headers["idempotency-key"], "the key to repeat it with");
    expect(!String(error.stack).includes(CODE) && !String(error.stack).includes(KEY), "a secret in an error");
    server.close();
  }
}

/** One fetch for many proofs, and one more for an unknown key. */
async function keys(): Promise<void> {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const { x = "" } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const set = (...kids: string[]): Reply => {
    const keys = kids.map((kid) => ({ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", kid, x }));
    return { status: 200, said: { keys } };
  };
  const server = await Server.of(set("a"), set("a", "b"));
  const now = Date.now() / 1000;
  const proof = async (kid: string, claims: object = {}, alg = "EdDSA"): Promise<string> => {
    const parts = [
      { alg, kid },
      { iss: server.url, aud: "p", exp: now + 60, ...claims },
    ];
    const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, Buffer.from(signed));
    return `${signed}.${Buffer.from(signature).toString("base64url")}`;
  };
  const client = new Pinroute(server.url, KEY);
  const verify = (token: string) => client.verifyProof(token, { audience: "p" });

  await verify(await proof("a"));
  await verify(await proof("a"));
  const bad = [{ exp: now - 1 }, { exp: null }, { iss: "another" }, { aud: ["p"] }].map((claims) => proof("a", claims));
  for (const token of await Promise.all([...bad, proof("a", {}, "none")])) {
    await thrown(ProofInvalid, () => verify(token));
  }
  const fetches = () => server.asked.length;
  expect(fetches() === 1, "one fetch");
  await verify(await proof("b"));
  for (const kid of ["c", "d"]) {
    const token = await proof(kid);
    await thrown(ProofInvalid, () => verify(token));
  }
  expect(fetches() === 2 && server.asked[0]?.headers.authorization === undefined, "one more, without the key");
  server.close();
}

const projects = await fetch(`${URL_}/v1/projects`, { headers: { authorization: `Bearer ${KEY}` } });
const { items } = (await projects.json()) as { items: { id: string; name: string }[] };
await walk(items.find(({ name }) => name === "default")!.id);
await problems();
await resendAndCancel();
await events();
await webhooks();
await retries();
await keys();
