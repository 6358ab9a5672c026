/** The client. */

import * as calls from "./calls.js";
import type { Answer, Call } from "./calls.js";
import type { ProofClaims, ProofExpected } from "./claims.js";
import { PinrouteError, fault } from "./errors.js";
import { Patience } from "./patience.js";
import { Keys, Proof } from "./proofs.js";
import { Deadline, sleep } from "./time.js";
import { SILENCE, Timeline } from "./timeline.js";
import type { Channel, Check, Event, StartVerification, Verification } from "./types.js";

export interface PinrouteOptions {
  /** Seconds for one try, until its answer is complete; 15 by default, longer than a start may `wait`. */
  timeout?: number;
  /** Tries after the first; 3 by default. Only a 503 or a lost connection is repeated, with growing pauses. */
  retries?: number;
  /** Pinroute's `public_url`, where that is not the address of the client. */
  issuer?: string;
  /** Instead of the runtime's own, for proxies or certificates. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface PostOptions extends CallOptions {
  /** To repeat a call yourself: with the same key, nothing is done twice. Otherwise each call has its own. */
  idempotencyKey?: string;
}

export interface EventsOptions extends CallOptions {
  /** The `id` of an event: only later ones come. */
  lastEventId?: string;
}

/** The calls of Pinroute. One client serves a whole program. The key belongs on a server, never in a page. */
export class Pinroute {
  readonly #baseUrl: string;
  readonly #apiKey: string;
  readonly #timeout: number;
  readonly #retries: number;
  readonly #issuer: string;
  readonly #fetch: typeof fetch;
  readonly #keys = new Keys();

  constructor(baseUrl: string, apiKey: string, options: PinrouteOptions = {}) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    if (!/^https?:$/.test(new URL(this.#baseUrl).protocol)) throw new TypeError("the address begins with https://");
    // Such as the end of the line of the file that it was read from; no request could be sent with it.
    if (!/^[!-~]*$/.test(apiKey)) throw new TypeError("the API key has a character that no key has");
    this.#apiKey = apiKey;
    this.#timeout = options.timeout ?? 15;
    this.#retries = options.retries ?? 3;
    this.#issuer = options.issuer ?? this.#baseUrl;
    this.#fetch = options.fetch ?? ((address, init) => fetch(address, init));
  }

  /**
   * Starts a verification and sends its code.
   *
   * While the number has a pending verification with the same `payload` and `code`, that one comes back with `reused`,
   * and nothing is sent. `wait` is how many seconds the answer may wait for the first provider.
   */
  start(request: StartVerification, options: PostOptions = {}): Promise<Verification> {
    return this.#answer(calls.start(request, options.idempotencyKey), options.signal);
  }

  /** The verification as it is now. */
  get(verificationId: string, options: CallOptions = {}): Promise<Verification> {
    return this.#answer(calls.get(verificationId), options.signal);
  }

  /** Checks the code that the visitor typed. A wrong one is no error: `valid` is false. */
  check(verificationId: string, code: string, options: PostOptions = {}): Promise<Check> {
    return this.#answer(calls.check(verificationId, code, options.idempotencyKey), options.signal);
  }

  /** Sends the code again, by this channel or the next one of the route. */
  resend(verificationId: string, channel?: Channel, options: PostOptions = {}): Promise<Verification> {
    return this.#answer(calls.resend(verificationId, channel, options.idempotencyKey), options.signal);
  }

  /** Ends the verification. `in_flight` says that a message may still arrive. */
  cancel(verificationId: string, options: PostOptions = {}): Promise<Verification> {
    return this.#answer(calls.cancel(verificationId, options.idempotencyKey), options.signal);
  }

  /**
   * The timeline, live until the verification is over. Lost connections resume where they broke; an error means that
   * `retries` in a row failed.
   */
  async *events(verificationId: string, options: EventsOptions = {}): AsyncGenerator<Event, void, undefined> {
    const { signal } = options;
    const timeline = new Timeline(options.lastEventId);
    const patience = new Patience(this.#retries);
    for (;;) {
      const call = calls.events(verificationId, timeline.lastEventId);
      const deadline = new Deadline(this.#timeout, signal);
      let refusal: Answer | undefined;
      let pause = 0;
      try {
        const response = await this.#send(call, deadline);
        if (response.status === 204) return;
        if (timeline.begins(response, patience)) {
          for await (const chunk of chunks(response, deadline)) yield* timeline.take(chunk);
          pause = timeline.afterEnd();
        } else {
          refusal = await calls.received(response);
        }
      } catch (error) {
        signal?.throwIfAborted();
        pause = patience.afterLoss(error, timeline.retry);
      } finally {
        deadline.end();
      }
      if (refusal) {
        const wait = patience.afterAnswer(refusal);
        if (wait === undefined) throw fault(refusal);
        pause = wait;
      }
      await sleep(pause, signal);
    }
  }

  /** What a proof says, if it holds; throws `ProofInvalid` otherwise. Pinroute is asked only for its keys. */
  async verifyProof(proof: string, expected: ProofExpected, options: CallOptions = {}): Promise<ProofClaims> {
    const read = new Proof(proof);
    if (this.#keys.mustBeFetchedFor(read.kid)) {
      await this.#keys.take(await this.#answer(calls.keySet(), options.signal));
    }
    return read.verified(this.#keys, this.#issuer, expected);
  }

  async #answer<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await this.#tried(call, signal);
    } catch (error) {
      if (error instanceof PinrouteError) error.idempotencyKey = call.headers["idempotency-key"];
      throw error;
    }
  }

  async #tried<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    const patience = new Patience(this.#retries);
    for (;;) {
      let answer: Answer;
      try {
        answer = await this.#exchange(call, signal);
      } catch (error) {
        signal?.throwIfAborted();
        await sleep(patience.afterLoss(error), signal);
        continue;
      }
      const pause = patience.afterAnswer(answer);
      if (pause === undefined) return calls.said<T>(answer);
      await sleep(pause, signal);
    }
  }

  async #exchange(call: Call<unknown>, signal?: AbortSignal): Promise<Answer> {
    const deadline = new Deadline(this.#timeout, signal);
    try {
      return await calls.received(await this.#send(call, deadline));
    } finally {
      deadline.end();
    }
  }

  #send({ method, path, headers, body, hasKey }: Call<unknown>, { signal }: Deadline): Promise<Response> {
    const key = hasKey ? { authorization: `Bearer ${this.#apiKey}` } : {};
    return this.#fetch(this.#baseUrl + path, {
      method,
      headers: { accept: "application/json", ...headers, ...key },
      body: body ?? null,
      signal,
      // The key goes to no other address.
      redirect: "manual",
    });
  }
}

/** The pieces of a stream, each of which gives the server more time for the next. */
async function* chunks(response: Response, deadline: Deadline): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader();
  try {
    for (;;) {
      deadline.restart(SILENCE);
      const piece = await reader?.read();
      if (!piece || piece.done) return;
      yield piece.value;
    }
  } finally {
    // Also when the caller has seen enough: the connection is not kept.
    await reader?.cancel().catch(() => undefined);
  }
}
