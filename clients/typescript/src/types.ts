// Requests and answers of the API. Generated from the OpenAPI document by scripts/client-types; do not edit.

/** One delivery attempt. For servers, not for browsers. */
export interface Attempt {
  id: string;
  channel: Channel;
  /** The provider's name in the configuration. */
  provider: string;
  status: AttemptStatus;
  /** Why it ended, if there is a reason. */
  reason: Reason | null;
  cost: Cost;
  created_at: string;
  updated_at: string;
}

/**
 * The status of an attempt. Evidence moves it only forward: `queued` < `sending` < `unknown` (it left,
 * and no answer came) < `sent` < `expired`, `undelivered`, `failed`, `refused` (free: the channel cannot
 * reach this number) < `delivered` < `read`.
 */
export type AttemptStatus =
  | "queued"
  | "sending"
  | "unknown"
  | "sent"
  | "expired"
  | "undelivered"
  | "failed"
  | "refused"
  | "delivered"
  | "read";

/** A channel that carries codes. */
export type Channel = "telegram" | "sms";

/** The result of a check; a wrong code is a normal answer. */
export interface Check {
  id: string;
  status: CheckStatus;
  valid: boolean;
  checks_left: number;
  /**
   * A JWT (EdDSA), valid for ten minutes, when the code was right; verify it with
   * `/.well-known/jwks.json`. Its claims: `iss` (this service's address), `aud` (the project's id), `sub`
   * (the number, E.164), `vid` (the verification's id), `channel`, `iat`, `exp`, `jti`.
   */
  proof?: string;
}

/** The code as the visitor typed it. */
export interface CheckCode {
  /** 4 to 8 digits, in any script; spaces and hyphens between them are ignored. */
  code: string;
}

/** The status after a check; `failed`: a wrong code, and the providers still say that nothing arrived. */
export type CheckStatus = "pending" | "approved" | "locked" | "failed";

/** The visitor, for the limits. */
export interface ClientInfo {
  /**
   * The visitor's address, also with a port or as `X-Forwarded-For` lists it; codes per address are
   * limited. One that cannot be read counts as absent.
   */
  ip?: string | null;
  /** The visitor's browser; only a keyed hash of it is stored. */
  user_agent?: string | null;
}

/** The cost of an attempt. */
export interface Cost {
  amount: string;
  /** ISO 4217. */
  currency: string;
  state: CostState;
}

/**
 * `estimated` until the provider charges; `refund_expected`: documented by the provider, not yet
 * reported.
 */
export type CostState = "estimated" | "charged" | "refunded" | "refund_expected" | "free";

/** One line of the timeline. */
export interface Event {
  /** Counts from 1 within the verification; for `Last-Event-ID`. */
  id: string;
  type: EventType;
  at: string;
  /** The attempt of the event. */
  attempt_id: string | null;
  /** The attempt's channel. */
  channel: Channel | null;
  reason: Reason | null;
  /** The amount charged or refunded. */
  money: Money | null;
}

/**
 * The kind of an event: of the verification, of the attempt, or of a check. `attempt.drift`: delivered
 * after its refund, so the provider's books and its reports disagree.
 */
export type EventType =
  | "verification.created"
  | "verification.sent"
  | "verification.delivered"
  | "verification.read"
  | "verification.fallback"
  | "verification.approved"
  | "verification.locked"
  | "verification.expired"
  | "verification.failed"
  | "verification.reopened"
  | "verification.canceled"
  | "verification.resend"
  | "check.wrong"
  | "attempt.refused"
  | "attempt.failed"
  | "attempt.undelivered"
  | "attempt.expired"
  | "attempt.unknown"
  | "attempt.charged"
  | "attempt.refunded"
  | "attempt.refund_expected"
  | "attempt.drift";

/** A field that is wrong. */
export interface FieldFault {
  /** A JSON pointer (RFC 6901) into the body, or `/name` of a query parameter. */
  pointer: string;
  detail: string;
}

/** A rule that fired. */
export interface FiredRule {
  rule: GuardRule;
  /** `shadow`: decided and recorded, not enforced. */
  mode: GuardMode;
  /** What was counted by: a country's code, or a keyed hash of a range, an address or a network. */
  cell: string;
  /** What was counted, with this message. */
  value: number;
  /** The most that would not have fired. */
  threshold: number;
  /**
   * What it was counted over; `block`: the range is blocked for what it did before; `now`: nothing was
   * counted.
   */
  window: GuardWindow;
  /** Of this rule alone. */
  effect: GuardOutcome;
}

/** What becomes of a rule that fires. */
export type GuardMode = "off" | "shadow" | "on";

/** What became of a message that the guard judged. `challenge`: only channels that nobody earns by. */
export type GuardOutcome = "allow" | "challenge" | "deny";

/** What the guard decides by. */
export type GuardRule =
  | "unverified_country"
  | "unverified_prefix"
  | "unverified_ip"
  | "unverified_network"
  | "unverified_asn"
  | "countries_per_ip"
  | "velocity"
  | "line_type"
  | "listed"
  | "monitored";

/** A decision of the guard. */
export interface GuardVerdict {
  outcome: GuardOutcome;
  /** All that fired, also those that are not enforced. */
  rules: FiredRule[];
  at: string;
}

/** What a rule counted over. */
export type GuardWindow = "24h" | "1h" | "block" | "now";

/** The site itself. */
export type Host = "host";

/** A JSON Web Key Set (RFC 7517). */
export interface KeySet {
  keys: PublicKey[];
}

/** An amount, as a decimal string with at least the currency's minor digits. */
export interface Money {
  amount: string;
  /** ISO 4217. */
  currency: string;
}

/** The body of every answer that is not a success (RFC 9457). */
export interface Problem {
  /** Names the kind of fault: `urn:pinroute:problem:` and the `code`. */
  type: string;
  /** The same for every fault of this code. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** The fault of this request, for people. */
  detail: string;
  code: ProblemCode;
  /** The fields that are wrong, if any. */
  errors?: FieldFault[];
  /** The verification's status, with `verification_not_pending`. */
  verification_status?: VerificationStatus;
  /** The channels that are still open, with `channel_unavailable`. */
  channels?: Channel[];
  /** The limit of the project's own that is used up, with `rate_limited`. */
  limit?: string;
}

/** The kind of a fault, for programs. */
export type ProblemCode =
  | "unauthorized"
  | "forbidden"
  | "invalid_request"
  | "phone_number_invalid"
  | "phone_number_unsupported"
  | "country_blocked"
  | "request_blocked"
  | "rate_limited"
  | "resend_too_soon"
  | "too_many_sends"
  | "too_many_checks"
  | "verification_not_found"
  | "verification_expired"
  | "verification_not_pending"
  | "idempotency_mismatch"
  | "idempotency_in_progress"
  | "channel_unavailable"
  | "exchange_rate_missing"
  | "budget_exhausted"
  | "service_unavailable"
  | "internal_error"
  | "not_found"
  | "method_not_allowed"
  | "payload_too_large"
  | "unsupported_media_type"
  | "request_timeout";

export interface PublicKey {
  kty: string;
  crv: string;
  alg: string;
  use: string;
  kid: string;
  x: string;
}

/**
 * Why an attempt ended.
 *
 * `unreachable`: the channel cannot reach this number; never says more about the account.
 * `number_invalid`: the provider does not accept the number. `paused`: the provider is paused.
 * `no_price`: no price is configured for the country. `budget_exhausted`: no budget leaves room for it.
 * `throttled`: the provider asked for fewer requests. `unavailable`: nothing could be sent.
 * `provider_rejected`: the provider refuses us, not the number. `no_answer`: the request left and no
 * clear answer came. `interrupted`: the sender stopped. `not_delivered`: reported by the provider.
 * `revoked`, `canceled`: taken back. `code_not_carried`: the channel cannot carry this code, such as one
 * with letters.
 */
export type Reason =
  | "unreachable"
  | "number_invalid"
  | "paused"
  | "no_price"
  | "budget_exhausted"
  | "throttled"
  | "unavailable"
  | "provider_rejected"
  | "no_answer"
  | "interrupted"
  | "not_delivered"
  | "revoked"
  | "canceled"
  | "code_not_carried"
  | "guard";

/** The channel to send to; without one, the route's next step. */
export interface ResendCode {
  channel?: Channel | null;
}

/** The verification to start. Only `phone_number` is required. */
export interface StartVerification {
  /**
   * In international form, or as it is written in the project's `default_country`. Digits of any script,
   * whatever separates them; a number that cannot be read is `phone_number_invalid`.
   */
  phone_number: string;
  /** A code that the site generated itself; otherwise one is generated. */
  code?: string | null;
  /** Digits of the generated code. */
  code_length?: number | null;
  /** Seconds until the verification expires. */
  ttl?: number | null;
  /**
   * The language of the message: a tag (BCP 47), also as platforms write it (`ru_RU`). One that cannot be
   * read counts as absent.
   */
  locale?: string | null;
  /** Restricts and orders the project's route. */
  channels?: Channel[] | null;
  /**
   * Returned with the verification. Two requests with the same number and payload are the same
   * verification.
   */
  payload?: string | null;
  client?: ClientInfo | null;
  /**
   * Values for limits of the project's own (`limits.keys`): at most so many codes are sent for the same
   * value. Only keyed hashes of them are stored.
   */
  limit_keys?: Record<string, string> | null;
  /**
   * Adds the line that lets a browser fill the code in on this host (WebOTP). Ignored with
   * `android_app_hash`, since both must be the last line.
   */
  web_domain?: string | null;
  /** Adds the line that lets an Android app fill the code in (SMS Retriever). */
  android_app_hash?: string | null;
  /** Seconds that the answer may wait for the first provider; 2 by default. The send goes on regardless. */
  wait?: number | null;
  /** With a key of the whole instance: the project's name; `default` if omitted. */
  project?: string | null;
}

/** The verification of one phone number. */
export interface Verification {
  id: string;
  status: VerificationStatus;
  /**
   * How it was requested: `native` through this API, or the name of a dialect, or the id of an
   * integration. Only its own face acts on it.
   */
  origin: string;
  /** E.164; null once it was erased. */
  phone_number: string | null;
  /** ISO 3166; `001` for a network of no country, such as a satellite's. */
  country: string;
  /** The channel of the newest attempt; null before the first. */
  channel: Channel | null;
  attempts: Attempt[];
  /** The amount charged, per currency. */
  costs: Money[];
  checks_left: number;
  sends_left: number;
  /** The time from which a resend is possible; null when none is. */
  resend_at: string | null;
  /** As the site gave it. */
  payload: string | null;
  created_at: string;
  expires_at: string;
  approved_at: string | null;
  /** `message`: a text without a code, of an integration. */
  kind?: VerificationKind;
  /** The site made the code and has neither had one checked here nor reported a success. */
  checked_by?: Host;
  /** Approved by the site's word, without a proof. */
  approved_by?: Host;
  /** The site's labels, of a request in a dialect. */
  tags?: Record<string, string>;
  /** A verification like the requested one was pending already, and nothing was sent. */
  reused?: boolean;
  /** In the answer to a cancel: a message was being sent at that moment, and may still arrive. */
  in_flight?: boolean;
  /**
   * Of the answer to `GET /v1/verifications/{id}`, with scope `admin` alone: the guard's last decision
   * about it in which a rule fired; null: none did. All are at `/v1/guard/decisions?verification_id=`.
   */
  guard?: GuardVerdict | null;
}

/** Of what has no code to be checked. */
export type VerificationKind = "message";

/**
 * `pending` until it is `approved`, `expired`, `canceled`, `locked` (no checks are left) or `failed` (no
 * channel could deliver, as far as the providers say; until `expires_at` it may still be approved or
 * become `pending` again).
 */
export type VerificationStatus = "pending" | "approved" | "expired" | "canceled" | "locked" | "failed";

/** The event of a message; `webhook.test` is sent by hand, to test an endpoint. */
export type WebhookType =
  | "verification.created"
  | "verification.sent"
  | "verification.delivered"
  | "verification.read"
  | "verification.fallback"
  | "verification.approved"
  | "verification.locked"
  | "verification.expired"
  | "verification.failed"
  | "verification.reopened"
  | "verification.canceled"
  | "balance.low"
  | "budget.reached"
  | "traffic.suspicious"
  | "webhook.test";
