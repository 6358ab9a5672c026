//! The parameters of queries and headers, for the document alone: handlers read them one by one to report every fault.
//! Parameters of a path are declared at their handler, whose signature takes them.
#![expect(dead_code, reason = "only their shape is used")]

use utoipa::IntoParams;
use uuid::Uuid;

use super::sets::{AuditAction, GuardOutcome, GuardRule, LedgerKind, Moment, VerificationStatus};

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Idempotency {
    /// Any text that identifies this request, such as a UUID. A repeat with the same key and body within 24 h does nothing and gets
    /// the same status, with the current state of the resource; only successes are kept, so that a refused request can be retried.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        min_length = 1,
        max_length = 255
    )]
    key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Resume {
    /// Only later events than this one; resumes an interrupted stream.
    #[param(
        rename = "Last-Event-ID",
        required = false,
        pattern = "^[0-9]+$",
        example = "2"
    )]
    last_event_id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VerificationFilter {
    /// Only this number's, in international form.
    #[param(max_length = 40, example = "+998901234567")]
    phone_number: Option<String>,
    /// Only this status.
    status: Option<VerificationStatus>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LedgerFilter {
    /// Only this provider's, by its name in the configuration.
    #[param(pattern = "^[a-z0-9_-]{1,32}$", example = "telegram")]
    provider: Option<String>,
    /// Only this kind.
    kind: Option<LedgerKind>,
    /// Only this verification's.
    verification_id: Option<Uuid>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DecisionFilter {
    /// Only these.
    outcome: Option<GuardOutcome>,
    /// Only those in which this rule fired.
    rule: Option<GuardRule>,
    /// Only numbers of this country (ISO 3166).
    #[param(example = "UZ")]
    country: Option<String>,
    /// Only numbers that begin so.
    #[param(example = "+99890777")]
    prefix: Option<String>,
    /// Only about this verification.
    verification_id: Option<Uuid>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    /// Only this.
    action: Option<AuditAction>,
    /// Only what this one did: `user`, `key` or `cli`, an id, or a name such as a user's e-mail address.
    #[param(min_length = 1, max_length = 254, example = "ann@example.com")]
    actor: Option<String>,
    /// Only what was done to this: a kind such as `key`, an id, or a name.
    #[param(min_length = 1, max_length = 254, example = "key")]
    object: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhichRule {
    /// By default `unverified_prefix`.
    rule: Option<GuardRule>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OneProject {
    /// With a key of the whole instance: only this project's, by its name.
    #[param(example = "default")]
    project: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportFilter {
    /// The first day; by default 29 days before the last.
    #[param(example = "2026-11-01")]
    from: Option<chrono::NaiveDate>,
    /// The last day, inclusive; by default today.
    #[param(example = "2026-11-30")]
    to: Option<chrono::NaiveDate>,
    /// The IANA time zone whose days count.
    #[param(default = "UTC", example = "Asia/Tashkent")]
    tz: Option<String>,
    /// Any of `month`, `week`, `day`, `hour`, `project`, `channel`, `provider`, `country`, with commas between them.
    #[param(example = "day,channel")]
    group_by: Option<String>,
    /// Converts all amounts to this currency; by default the configured `reporting_currency`.
    #[param(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: Option<String>,
    /// With a key of the whole instance: only this project's, by its name.
    #[param(example = "default")]
    project: Option<String>,
    /// `0` leaves out the last row of a CSV or a spreadsheet, the total, which a pivot table would count twice.
    #[param(pattern = "^[01]$", example = "0")]
    totals: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Range {
    /// At or after: a date, or a time (RFC 3339).
    #[param(inline, example = "2026-11-01")]
    from: Option<Moment>,
    /// Before: a date (inclusive, in UTC), or a time (RFC 3339).
    #[param(inline, example = "2026-11-30")]
    to: Option<Moment>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Signature {
    /// When the report was made, in seconds since 1970. A report more than five minutes away from now is ignored, and the provider is
    /// queried instead.
    #[param(
        rename = "X-Request-Timestamp",
        pattern = "^[0-9]+$",
        example = "1795339801"
    )]
    timestamp: String,
    /// HMAC-SHA-256 over timestamp, line feed and raw body, in lower-case hexadecimal; its key is the SHA-256 of the API token.
    #[param(rename = "X-Request-Signature", pattern = "^[0-9a-f]{64}$")]
    signature: String,
}
