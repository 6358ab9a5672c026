/** Everything that the client throws. A new class belongs here only where callers do something else for it. */

import type { Answer } from "./calls.js";
import type { Channel, FieldFault, Problem, ProblemCode, VerificationStatus } from "./types.js";

/** The base of all. */
export class PinrouteError extends Error {
  override name = "PinrouteError";
  /** Of the call that failed, if it was a POST: whoever repeats the call gives it again, and nothing is done twice. */
  idempotencyKey: string | undefined;
}

/** No answer, also after all retries. The request may have been done: repeat it with this `idempotencyKey`. */
export class ConnectionLost extends PinrouteError {
  override name = "ConnectionLost";
}

/** An answer that is not Pinroute's: a proxy's error page, or another server at this address. */
export class UnexpectedAnswer extends PinrouteError {
  override name = "UnexpectedAnswer";

  constructor(readonly status: number) {
    super(`HTTP ${status}, and not in the words of the API`);
  }
}

/** Not a proof for this purpose: forged, expired, or of another issuer, project, number or verification. */
export class ProofInvalid extends PinrouteError {
  override name = "ProofInvalid";
}

/** Not a message of this webhook: answer 401, and do nothing. */
export class WebhookInvalid extends PinrouteError {
  override name = "WebhookInvalid";
}

/** A fault that the API names. Decide by `code`; `detail` is for people. */
export class ProblemError extends PinrouteError {
  override name = "ProblemError";
  readonly code: ProblemCode;
  readonly status: number;
  readonly detail: string;
  readonly errors: FieldFault[];
  /** Seconds after which a repeat can succeed; undefined where waiting does not help. */
  readonly retryAfter: number | undefined;
  /** Names the request in the server's log. */
  readonly requestId: string | undefined;

  constructor(
    readonly problem: Problem,
    answer: Answer,
  ) {
    super(`${problem.code}: ${problem.detail}`);
    this.code = problem.code;
    this.status = answer.status;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.retryAfter = retryAfter(answer);
    this.requestId = answer.headers.get("x-request-id") ?? undefined;
  }
}

/** No code goes to this number: ask the visitor for another one. */
export class NumberRefused extends ProblemError {
  override name = "NumberRefused";
}

/** A limit or the pause before a resend: try again after `retryAfter` seconds. */
export class TooSoon extends ProblemError {
  override name = "TooSoon";
}

/** It takes no more checks: start a new one. */
export class VerificationOver extends ProblemError {
  override name = "VerificationOver";

  /** How it ended, where `code` does not say so. */
  get verificationStatus(): VerificationStatus | undefined {
    return this.problem.verification_status;
  }
}

/** The code cannot go that way. */
export class ChannelUnavailable extends ProblemError {
  override name = "ChannelUnavailable";

  /** Those that are open. */
  get channels(): Channel[] {
    return this.problem.channels ?? [];
  }
}

/** Also after all retries. The request may have been done: repeat it with this `idempotencyKey`. */
export class ServiceUnavailable extends ProblemError {
  override name = "ServiceUnavailable";
}

const CLASSES: Partial<Record<ProblemCode, typeof ProblemError>> = {
  phone_number_invalid: NumberRefused,
  phone_number_unsupported: NumberRefused,
  country_blocked: NumberRefused,
  rate_limited: TooSoon,
  resend_too_soon: TooSoon,
  too_many_checks: VerificationOver,
  verification_not_found: VerificationOver,
  verification_expired: VerificationOver,
  verification_not_pending: VerificationOver,
  channel_unavailable: ChannelUnavailable,
  service_unavailable: ServiceUnavailable,
};

/** What an answer that is not a success means. */
export function fault(answer: Answer): PinrouteError {
  const problem = parsed(answer.body);
  if (!isProblem(problem)) return new UnexpectedAnswer(answer.status);
  return new (CLASSES[problem.code] ?? ProblemError)(problem, answer);
}

/** The header, in seconds; Pinroute never sends the form with a date. */
export function retryAfter(answer: Answer): number | undefined {
  const value = answer.headers.get("retry-after") ?? "";
  return /^[0-9]+$/.test(value) ? Number(value) : undefined;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isProblem(value: unknown): value is Problem {
  const fields = value as Partial<Problem> | null | undefined;
  return typeof fields?.code === "string" && typeof fields.detail === "string";
}
