/** Messages of webhooks, signed as Standard Webhooks (standardwebhooks.com) says. */

import { decoded } from "./base64.js";
import { WebhookInvalid } from "./errors.js";
import type { Verification, WebhookType } from "./types.js";

/** The types whose data is a verification. */
export type VerificationWebhookType = Extract<WebhookType, `verification.${string}`>;

/** What happened, and when. `data` is as of the time of sending. */
export type WebhookMessage =
  | { type: VerificationWebhookType; timestamp: string; data: Verification }
  | { type: Exclude<WebhookType, VerificationWebhookType>; timestamp: string; data: Record<string, unknown> };

/** The headers of a `Request`, or those of Node's `IncomingMessage`. */
export type WebhookHeaders = { get(name: string): string | null } | Record<string, string | string[] | undefined>;

/**
 * The message, if Pinroute signed it with this `whsec_…` secret; throws `WebhookInvalid` otherwise.
 *
 * `body` is as it arrived, to the byte. A message comes again until it is answered with a 2xx: remember `webhook-id`.
 * `tolerance` is how many seconds the clocks may differ; an older message may be a recorded one.
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string,
  { tolerance = 300 }: { tolerance?: number } = {},
): Promise<WebhookMessage> {
  if (!secret.startsWith("whsec_")) throw new TypeError("the secret begins with whsec_");
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature");
  const age = Date.now() / 1000 - Number(timestamp);
  if (!(Math.abs(age) <= tolerance)) throw new WebhookInvalid("signed too long ago, or in the future");

  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), bytes);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", decoded(secret.slice("whsec_".length)), algorithm, false, [
    "verify",
  ]);
  // Several while a secret is replaced: one by the old, one by the new. Web Crypto compares in constant time.
  for (const signature of signatures.split(" ")) {
    if (signature.startsWith("v1,") && (await crypto.subtle.verify("HMAC", key, bytesIn(signature.slice(3)), signed))) {
      return message(bytes);
    }
  }
  throw new WebhookInvalid("the signature does not fit");
}

function header(headers: WebhookHeaders, name: string): string {
  const value = hasGet(headers) ? headers.get(name) : entry(headers, name);
  if (typeof value !== "string") throw new WebhookInvalid("not signed");
  return value;
}

function hasGet(headers: WebhookHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === "function";
}

function entry(headers: Record<string, string | string[] | undefined>, name: string): string | string[] | undefined {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

/** What is no base64 fits no signature. */
function bytesIn(signature: string): Uint8Array<ArrayBuffer> {
  try {
    return decoded(signature);
  } catch {
    return new Uint8Array();
  }
}

function message(body: Uint8Array): WebhookMessage {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as WebhookMessage;
  } catch (cause) {
    throw new WebhookInvalid("not JSON", { cause });
  }
}
