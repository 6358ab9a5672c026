/**
 * When a request is repeated: after a 503 or a lost connection, and after nothing else. A 500 would come again, and a
 * 4xx is the caller's to decide.
 */

import type { Answer } from "./calls.js";
import { ConnectionLost, retryAfter } from "./errors.js";

const FIRST_PAUSE = 0.25;
const LONGEST_PAUSE = 8;
/** A server that asks for more seconds is down for longer than a caller should be held. */
const LONGEST_WISH = 30;

/** Counts the retries of one call, and the growing pauses before them. */
export class Patience {
  #used = 0;

  constructor(readonly retries: number) {}

  /** The server was reached: whatever comes next is a new fault. */
  restore(): void {
    this.#used = 0;
  }

  /** Seconds until the next try; undefined if the answer stands. */
  afterAnswer(answer: Answer): number | undefined {
    if (answer.status !== 503 || this.#used >= this.retries) return undefined;
    const wish = retryAfter(answer) ?? 0;
    return wish > LONGEST_WISH ? undefined : this.#pause(wish);
  }

  /** Seconds until the next try; throws if there is none. A timeout is a loss too: the answer did not come. */
  afterLoss(cause: unknown, atLeast = 0): number {
    if (this.#used >= this.retries) throw new ConnectionLost("no answer", { cause });
    return this.#pause(atLeast);
  }

  #pause(atLeast: number): number {
    // Half of it by chance, so that clients that lost the same server do not return together.
    const step = Math.min(FIRST_PAUSE * 2 ** this.#used, LONGEST_PAUSE);
    this.#used += 1;
    return Math.max(atLeast, step * (0.5 + Math.random() / 2));
  }
}
