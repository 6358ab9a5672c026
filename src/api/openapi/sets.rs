//! The closed sets and special forms of the API, for its document alone: handlers write the domain's own words, and a
//! test holds these equal to them.
#![expect(
    dead_code,
    reason = "only their shape is wanted: no value of them is ever made"
)]

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::{PartialSchema, ToSchema};

/// Where a verification stands: `pending` until it is `approved`, `expired`, `canceled`, `locked` (its checks are used up) or
/// `failed` (no channel could deliver).
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum VerificationStatus {
    Pending,
    Approved,
    Expired,
    Canceled,
    Locked,
    Failed,
}

/// Where a verification stands after a check.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum CheckStatus {
    Pending,
    Approved,
    Locked,
}

/// What a webhook can be told of. `traffic.suspicious` is not sent yet.
#[derive(ToSchema)]
pub enum WebhookFilter {
    /// Every type.
    #[schema(rename = "*")]
    All,
    #[schema(rename = "verification.created")]
    Created,
    #[schema(rename = "verification.sent")]
    Sent,
    #[schema(rename = "verification.delivered")]
    Delivered,
    #[schema(rename = "verification.read")]
    Read,
    #[schema(rename = "verification.fallback")]
    Fallback,
    #[schema(rename = "verification.approved")]
    Approved,
    #[schema(rename = "verification.locked")]
    Locked,
    #[schema(rename = "verification.expired")]
    Expired,
    #[schema(rename = "verification.failed")]
    Failed,
    #[schema(rename = "verification.canceled")]
    Canceled,
    #[schema(rename = "balance.low")]
    BalanceLow,
    #[schema(rename = "budget.reached")]
    BudgetReached,
    #[schema(rename = "traffic.suspicious")]
    TrafficSuspicious,
}

/// What a message is about.
#[derive(ToSchema)]
pub enum WebhookType {
    #[schema(rename = "verification.created")]
    Created,
    #[schema(rename = "verification.sent")]
    Sent,
    #[schema(rename = "verification.delivered")]
    Delivered,
    #[schema(rename = "verification.read")]
    Read,
    #[schema(rename = "verification.fallback")]
    Fallback,
    #[schema(rename = "verification.approved")]
    Approved,
    #[schema(rename = "verification.locked")]
    Locked,
    #[schema(rename = "verification.expired")]
    Expired,
    #[schema(rename = "verification.failed")]
    Failed,
    #[schema(rename = "verification.canceled")]
    Canceled,
    #[schema(rename = "balance.low")]
    BalanceLow,
    #[schema(rename = "budget.reached")]
    BudgetReached,
    #[schema(rename = "traffic.suspicious")]
    TrafficSuspicious,
    /// Sent by hand, to try an endpoint out.
    #[schema(rename = "webhook.test")]
    Test,
}

/// Where a message stands: `pending` while tries are to come, `delivered`, or `dead` when all have failed.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    Dead,
}

/// A calendar period, in UTC.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Period {
    Hour,
    Day,
    Month,
}

/// What a rate is multiplied by.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum RateUnit {
    Message,
    Segment,
}

/// What a key may do: `verify` (websites), `finance` (reads reports and the ledger), `admin` (everything).
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Scope {
    Verify,
    Finance,
    Admin,
}

/// How an SMS is written: 160 characters of GSM-7 to a segment, or 70 of UCS-2.
#[derive(ToSchema)]
pub enum Encoding {
    #[schema(rename = "GSM-7")]
    Gsm7,
    #[schema(rename = "UCS-2")]
    Ucs2,
}

/// What carries a code.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Channel {
    Telegram,
    Sms,
}

/// What is known of an attempt. Evidence moves it only forward: `queued` < `sending` < `unknown` (it left, and no answer came) <
/// `sent` < `expired`, `undelivered`, `failed`, `refused` (free: the channel cannot reach this number) < `delivered` < `read`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum AttemptStatus {
    Queued,
    Sending,
    Unknown,
    Sent,
    Expired,
    Undelivered,
    Failed,
    Refused,
    Delivered,
    Read,
}

/// Why an attempt ended as it did.
///
/// `unreachable`: the channel cannot reach this number; never says more about the account. `number_invalid`: the provider
/// does not take the number. `paused`: the provider is left alone for a while. `no_price`: none is configured for the country.
/// `budget_exhausted`: a spend cap leaves no room.
/// `throttled`: the provider asked for fewer requests. `unavailable`: nothing could be sent. `provider_rejected`: the provider
/// refuses us, not the number. `no_answer`: the request left and no clear answer came. `interrupted`: whoever was sending
/// stopped. `not_delivered`: the provider says so. `revoked`, `canceled`: taken back.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Reason {
    Unreachable,
    NumberInvalid,
    Paused,
    NoPrice,
    BudgetExhausted,
    Throttled,
    Unavailable,
    ProviderRejected,
    NoAnswer,
    Interrupted,
    NotDelivered,
    Revoked,
    Canceled,
}

/// `estimated` until the provider charges; `refund_expected`: documented by the provider, not yet reported.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum CostState {
    Estimated,
    Charged,
    Refunded,
    RefundExpected,
    Free,
}

/// What happened: to the verification, to the attempt of the event, or at a check. `attempt.drift`: delivered after its
/// refund, so the provider's books and its reports disagree.
#[derive(ToSchema)]
pub enum EventType {
    #[schema(rename = "verification.created")]
    Created,
    #[schema(rename = "verification.sent")]
    Sent,
    #[schema(rename = "verification.delivered")]
    Delivered,
    #[schema(rename = "verification.read")]
    Read,
    #[schema(rename = "verification.fallback")]
    Fallback,
    #[schema(rename = "verification.approved")]
    Approved,
    #[schema(rename = "verification.locked")]
    Locked,
    #[schema(rename = "verification.expired")]
    Expired,
    #[schema(rename = "verification.failed")]
    Failed,
    #[schema(rename = "verification.canceled")]
    Canceled,
    #[schema(rename = "verification.resend")]
    Resend,
    #[schema(rename = "check.wrong")]
    WrongCode,
    #[schema(rename = "attempt.refused")]
    Refused,
    #[schema(rename = "attempt.failed")]
    AttemptFailed,
    #[schema(rename = "attempt.undelivered")]
    Undelivered,
    #[schema(rename = "attempt.expired")]
    AttemptExpired,
    #[schema(rename = "attempt.unknown")]
    Unknown,
    #[schema(rename = "attempt.charged")]
    Charged,
    #[schema(rename = "attempt.refunded")]
    Refunded,
    #[schema(rename = "attempt.refund_expected")]
    RefundExpected,
    #[schema(rename = "attempt.drift")]
    Drift,
}

/// A `charge` is negative, a `refund` and a `top_up` positive, an `adjustment` either.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum LedgerKind {
    Charge,
    Refund,
    TopUp,
    Adjustment,
}

/// Where a figure comes from: the provider's report, the provider's documentation, configured prices, or a person.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum LedgerBasis {
    Reported,
    Documented,
    Estimated,
    Manual,
}

/// `csv` is all entries as a stream (RFC 4180), whatever `limit` says.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ReportFormat {
    Json,
    Csv,
    Xlsx,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum LedgerFormat {
    Json,
    Csv,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum LiveStatus {
    Ok,
}

/// `degraded`: it works, but something is away.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ReadyStatus {
    Ok,
    Degraded,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum DatabaseEngine {
    Sqlite,
    Postgres,
}

/// `none` is configured, `ok`, or `away`: then limits hold for each replica alone.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum RedisState {
    None,
    Ok,
    Away,
}

/// A date, or a time of RFC 3339.
pub struct Moment;

/// The address of a visitor.
pub struct IpAddress;

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        either(&[KnownFormat::Date, KnownFormat::DateTime])
    }
}

impl PartialSchema for IpAddress {
    fn schema() -> RefOr<Schema> {
        either(&[KnownFormat::Ipv4, KnownFormat::Ipv6])
    }
}

impl ToSchema for Moment {}

impl ToSchema for IpAddress {}

fn either(formats: &[KnownFormat]) -> RefOr<Schema> {
    let text = |format: &KnownFormat| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(format.clone())))
    };
    formats
        .iter()
        .fold(AnyOfBuilder::new(), |any, format| any.item(text(format)))
        .into()
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::ledger::entry::Kind;
    use crate::verification::attempt as domain;
    use crate::verification::event::EventKind;
    use crate::verification::{Status, route};

    /// What the document says.
    fn documented<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let names = schema["enum"].as_array().expect("a closed set").iter();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    /// What the domain knows, in its order, as serde tells it of any enum; and that it writes what it reads.
    fn known<T: DeserializeOwned>(name: fn(T) -> &'static str) -> Vec<String> {
        let fault = serde_json::from_str::<T>("\"?\"")
            .err()
            .unwrap()
            .to_string();
        let quoted = fault.split('`').skip(1).step_by(2);
        let names: Vec<String> = quoted.skip(1).map(str::to_owned).collect();
        for written in &names {
            let value = serde_json::from_value(written.as_str().into()).unwrap();
            assert_eq!(name(value), written);
        }
        names
    }

    #[test]
    fn the_documented_sets_are_the_domain_s() {
        assert_eq!(
            documented::<AttemptStatus>(),
            known(domain::AttemptStatus::as_str)
        );
        assert_eq!(documented::<Reason>(), known(domain::Reason::as_str));
        assert_eq!(documented::<CostState>(), known(domain::CostState::as_str));
        assert_eq!(documented::<LedgerBasis>(), known(domain::Basis::as_str));
        assert_eq!(documented::<EventType>(), known(EventKind::name));
        assert_eq!(documented::<Channel>(), known(route::Channel::as_str));
        assert_eq!(documented::<VerificationStatus>(), Status::NAMES);
        let kinds = Kind::ALL.map(|kind| kind.as_str().to_owned());
        assert_eq!(documented::<LedgerKind>(), kinds);
        for status in documented::<CheckStatus>() {
            assert!(Status::NAMES.contains(&status.as_str()), "{status}");
        }
    }
}
