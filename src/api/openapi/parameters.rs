//! The parameters of the query and the headers, for the document alone: handlers read them one by one to name every fault.
//! Those of the path stand at their handler, whose signature takes them.
#![expect(
    dead_code,
    reason = "only their shape is wanted: no value of them is ever made"
)]

use utoipa::IntoParams;
use uuid::Uuid;

use super::sets::{LedgerFormat, LedgerKind, Moment, ReportFormat, VerificationStatus};

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Idempotency {
    /// Any text that names this request, such as a UUID. A repeat with the same key and body within 24 h does nothing and is told
    /// the same status, with the verification as it stands by then; only successes are kept, so that a request that was refused can be tried again.
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
    /// Only what came after this event; for a stream that was broken off.
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
    /// One number's only, in international form.
    #[param(max_length = 40, example = "+998901234567")]
    phone_number: Option<String>,
    /// One status only.
    status: Option<VerificationStatus>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LedgerFilter {
    /// One provider's only, by its name in the configuration.
    #[param(pattern = "^[a-z0-9_-]{1,32}$", example = "telegram")]
    provider: Option<String>,
    /// One kind only.
    kind: Option<LedgerKind>,
    /// One verification's only.
    verification_id: Option<Uuid>,
    /// `json`, unless said otherwise. `csv`: all entries as a stream (RFC 4180).
    format: Option<LedgerFormat>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OneProject {
    /// For a key of the whole instance: one project's only, by its name.
    #[param(example = "default")]
    project: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportFilter {
    /// The first day; 29 days before the last without it.
    #[param(example = "2026-11-01")]
    from: Option<chrono::NaiveDate>,
    /// The last day, inclusive; today without it.
    #[param(example = "2026-11-30")]
    to: Option<chrono::NaiveDate>,
    /// The IANA time zone whose days count.
    #[param(default = "UTC", example = "Asia/Tashkent")]
    tz: Option<String>,
    /// Any of `month`, `week`, `day`, `hour`, `project`, `channel`, `provider`, `country`, with commas between them.
    #[param(example = "day,channel")]
    group_by: Option<String>,
    /// Converts all money to this one; the configured `reporting_currency` without it.
    #[param(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: Option<String>,
    /// For a key of the whole instance: one project's only, by its name.
    #[param(example = "default")]
    project: Option<String>,
    /// `json`, unless said otherwise here or in `Accept`.
    format: Option<ReportFormat>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// At or after: a date, or a time (RFC 3339).
    #[param(inline, example = "2026-11-01")]
    from: Option<Moment>,
    /// Before: a date (inclusive, in UTC), or a time (RFC 3339).
    #[param(inline, example = "2026-11-30")]
    to: Option<Moment>,
    /// For a key of the whole instance: one project's only, by its name.
    #[param(example = "default")]
    project: Option<String>,
    /// Items of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before; without one, the first page.
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Batch {
    /// Items of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before; without one, the first page.
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Signature {
    /// When the report was made, in seconds since 1970. More than five minutes away from now, the report is not believed, and
    /// the provider is asked instead.
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
