/**
 * The calls of the API as values: what is sent, and how the answer is read. Another call: a function here, and a method
 * of the client.
 */

import { UnexpectedAnswer, fault } from "./errors.js";
import type { Channel, Check, CheckCode, KeySet, ResendCode, StartVerification, Verification } from "./types.js";

/** A request whose answer is a `T`. */
export interface Call<T> {
  method: "GET" | "POST";
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Whether the API key goes with it. */
  hasKey: boolean;
  /** Never set: it carries the type of the answer from here to the caller. */
  answers?: T;
}

/** An answer that arrived completely. */
export interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

export function start(request: StartVerification, idempotencyKey?: string): Call<Verification> {
  return post("/v1/verifications", request, idempotencyKey);
}

export function get(verificationId: string): Call<Verification> {
  return { method: "GET", path: pathOf(verificationId), headers: {}, hasKey: true };
}

export function check(verificationId: string, code: string, idempotencyKey?: string): Call<Check> {
  const request: CheckCode = { code };
  return post(`${pathOf(verificationId)}/check`, request, idempotencyKey);
}

export function resend(verificationId: string, channel?: Channel, idempotencyKey?: string): Call<Verification> {
  const request: ResendCode = { channel: channel ?? null };
  return post(`${pathOf(verificationId)}/resend`, request, idempotencyKey);
}

export function cancel(verificationId: string, idempotencyKey?: string): Call<Verification> {
  return post(`${pathOf(verificationId)}/cancel`, undefined, idempotencyKey);
}

export function events(verificationId: string, lastEventId?: string): Call<never> {
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (lastEventId !== undefined) headers["last-event-id"] = lastEventId;
  return { method: "GET", path: `${pathOf(verificationId)}/events/stream`, headers, hasKey: true };
}

export function keySet(): Call<KeySet> {
  return { method: "GET", path: "/.well-known/jwks.json", headers: {}, hasKey: false };
}

export async function received(response: Response): Promise<Answer> {
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** What the answer says; throws what it complains of. */
export function said<T>(answer: Answer): T {
  if (answer.status < 200 || answer.status > 299) throw fault(answer);
  try {
    return JSON.parse(answer.body) as T;
  } catch {
    throw new UnexpectedAnswer(answer.status);
  }
}

function pathOf(verificationId: string): string {
  return `/v1/verifications/${encodeURIComponent(verificationId)}`;
}

function post<T>(path: string, request: object | undefined, idempotencyKey?: string): Call<T> {
  // One key for all tries of this call: a repeat after a lost answer does nothing twice.
  const headers: Record<string, string> = { "idempotency-key": idempotencyKey ?? crypto.randomUUID() };
  if (request === undefined) return { method: "POST", path, headers, hasKey: true };
  headers["content-type"] = "application/json";
  return { method: "POST", path, headers, body: JSON.stringify(request), hasKey: true };
}
