/** Client of Pinroute, a self-hosted phone-verification gateway. */

export type { ProofClaims, ProofExpected } from "./claims.js";
export { Pinroute } from "./client.js";
export type { CallOptions, EventsOptions, PinrouteOptions, PostOptions } from "./client.js";
export {
  ChannelUnavailable,
  ConnectionLost,
  NumberRefused,
  PinrouteError,
  ProblemError,
  ProofInvalid,
  ServiceUnavailable,
  TooSoon,
  UnexpectedAnswer,
  VerificationOver,
  WebhookInvalid,
} from "./errors.js";
export type * from "./types.js";
export { verifyWebhook } from "./webhooks.js";
export type { VerificationWebhookType, WebhookHeaders, WebhookMessage } from "./webhooks.js";
