// What a visitor reads: for each state of a verification, and for each answer that refuses. The codes are those of the API's
// problems (docs/errors.md).
import { t, within } from "/texts.js";

const ENDED = { approved: "told_approved", locked: "told_locked", expired: "told_expired", canceled: "told_canceled" };

const REFUSED = {
  phone_number_invalid: "fault_number_invalid",
  phone_number_unsupported: "fault_number_unsupported",
  country_blocked: "fault_country",
  rate_limited: "fault_rate",
  resend_too_soon: "fault_resend",
  too_many_sends: "fault_sends",
  too_many_checks: "fault_checks",
  verification_expired: "told_expired",
  verification_not_found: "fault_lost",
  channel_unavailable: "fault_channel",
  budget_exhausted: "fault_budget",
  service_unavailable: "fault_away",
};

const WITH_WAIT = { fault_rate: "fault_rate_wait", fault_resend: "fault_resend_wait", fault_away: "fault_away_wait" };

// The sentence of a verification. It names the channel that is used, never one that refused: whether a number has Telegram is
// nobody's business.
export function told(verification) {
  const values = { number: verification.phone_number };
  if (ENDED[verification.status]) return t(ENDED[verification.status], values);
  if (verification.status === "failed") return t("told_failed", values);
  if (verification.reused) return t("told_reused", values);
  const last = verification.attempts.at(-1)?.status;
  if (last === "unknown") return t("told_unknown", values);
  if (!["sent", "delivered", "read"].includes(last)) return t("told_sending", values);
  const channels = { telegram: "told_telegram", sms: "told_sms" };
  return t(channels[verification.channel] ?? "told_sent", values);
}

export function title(verification) {
  const titles = { approved: "title_approved", locked: "title_locked", expired: "title_expired", canceled: "title_canceled", failed: "title_failed" };
  return t(titles[verification.status] ?? "code_title");
}

// The sentence of an answer that is not a success.
export function refused({ status, answer, retryAfter }) {
  const code = answer?.code;
  if (code === "verification_not_pending") return t(ENDED[answer.verification_status] ?? "resend_none", { number: "" });
  if (code === "invalid_request" && answer.errors?.some((error) => error.pointer === "/code")) return t("fault_code_shape");
  const key = REFUSED[code] ?? (status === 0 || status === 502 ? "fault_away" : "fault_other");
  if (retryAfter && WITH_WAIT[key]) return t(WITH_WAIT[key], { in: within(retryAfter) });
  return t(key, { number: "" });
}
