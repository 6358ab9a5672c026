//! The closed sets and special forms of the document. Sets list the domain's own words; handlers write the same ones.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::words::{closed_set, of_enum};
use crate::abuse::lists::{List, Matched};
use crate::audit::{Action, ActorKind};
use crate::gateway;
use crate::integrations::{AuthKind, Kind, Preset};
use crate::ledger::{entry, rates};
use crate::message::segments;
use crate::verification::guard::Rule;
use crate::verification::{Status, attempt, budget, cost, event, route};
use crate::webhooks;

closed_set! {
    /// `pending` until it is `approved`, `expired`, `canceled`, `locked` (no checks are left) or `failed` (no channel could
    /// deliver, as far as the providers say; until `expires_at` it may still be approved or become `pending` again).
    VerificationStatus = Status::NAMES;

    /// The status after a check; `failed`: a wrong code, and the providers still say that nothing arrived.
    CheckStatus = ["pending", "approved", "locked", "failed"];

    /// An event that a webhook can subscribe to; `*` is every event. `traffic.suspicious` is not sent yet.
    WebhookFilter = std::iter::once(webhooks::ALL).chain(webhooks::TYPES);

    /// The event of a message; `webhook.test` is sent by hand, to test an endpoint.
    WebhookType = webhooks::TYPES.into_iter().chain([webhooks::TEST]);

    /// `pending` while tries are to come, `delivered`, or `dead` when all have failed.
    DeliveryState = gateway::DeliveryState::ALL.map(gateway::DeliveryState::as_str);

    /// Another program: an identity server that signs in its own way, or any that can POST a number and a code. Or an
    /// application of Vonage's clients, which is no hook.
    IntegrationKind = Kind::ALL.map(Kind::as_str);

    /// A program whose fields are known to kind `generic`.
    IntegrationPreset = Preset::ALL.map(Preset::as_str);

    /// How a request of kind `generic` shows the secret: as `Authorization: Bearer`, as the password of `Authorization: Basic` with any user,
    /// in a header, or in a parameter of the address.
    IntegrationAuth = AuthKind::ALL.map(AuthKind::as_str);

    /// A method that is read; POST always is.
    IntegrationMethod = ["POST", "GET"];

    /// The text of an SMS: the request's own where it has one, or the project's.
    IntegrationText = ["host", "template"];

    /// A calendar period, in UTC.
    Period = budget::Period::ALL.map(budget::Period::as_str);

    /// The unit that a rate is multiplied by.
    RateUnit = rates::Unit::ALL.map(rates::Unit::as_str);

    /// The rights of a key: `verify` (websites), `finance` (reads reports and the ledger), `admin` (everything).
    Scope = gateway::Scope::ALL.map(gateway::Scope::as_str);

    /// The encoding of an SMS: 160 characters of GSM-7 in a segment, or 70 of UCS-2.
    Encoding = [segments::Encoding::Gsm7, segments::Encoding::Ucs2].map(segments::Encoding::as_str);

    /// A channel that carries codes.
    Channel = route::Channel::ALL.map(route::Channel::as_str);

    /// The status of an attempt. Evidence moves it only forward: `queued` < `sending` < `unknown` (it left, and no answer came) <
    /// `sent` < `expired`, `undelivered`, `failed`, `refused` (free: the channel cannot reach this number) < `delivered` < `read`.
    AttemptStatus = of_enum::<attempt::AttemptStatus>().iter().copied();

    /// Why an attempt ended.
    ///
    /// `unreachable`: the channel cannot reach this number; never says more about the account. `number_invalid`: the provider
    /// does not accept the number. `paused`: the provider is paused. `no_price`: no price is configured for the country.
    /// `budget_exhausted`: no budget leaves room for it.
    /// `throttled`: the provider asked for fewer requests. `unavailable`: nothing could be sent. `provider_rejected`: the provider
    /// refuses us, not the number. `no_answer`: the request left and no clear answer came. `interrupted`: the sender
    /// stopped. `not_delivered`: reported by the provider. `revoked`, `canceled`: taken back. `code_not_carried`: the channel
    /// cannot carry this code, such as one with letters.
    Reason = of_enum::<attempt::Reason>().iter().copied();

    /// `estimated` until the provider charges; `refund_expected`: documented by the provider, not yet reported.
    CostState = of_enum::<cost::CostState>().iter().copied();

    /// The kind of an event: of the verification, of the attempt, or of a check. `attempt.drift`: delivered after its
    /// refund, so the provider's books and its reports disagree.
    EventType = of_enum::<event::EventKind>().iter().copied();

    /// A `charge` is negative, a `refund` and a `top_up` positive, an `adjustment` either.
    LedgerKind = entry::Kind::ALL.map(entry::Kind::as_str);

    /// The source of an amount: the provider's report, the provider's documentation, configured prices, or a person.
    LedgerBasis = of_enum::<cost::Basis>().iter().copied();

    /// Whether nothing is sent.
    ListKind = List::ALL.map(List::as_str);

    /// What an entry of the guard's lists is about.
    ListMatch = Matched::ALL.map(Matched::as_str);

    /// What became of a message that the guard judged. `challenge`: only channels that nobody earns by.
    GuardOutcome = ["allow", "challenge", "deny"];

    /// What the guard decides by.
    GuardRule = Rule::ALL.map(Rule::as_str);

    /// What becomes of a rule that fires.
    GuardMode = ["off", "shadow", "on"];

    /// What a rule counted over.
    GuardWindow = ["24h", "1h", "block", "now"];

    /// How far a back-test is.
    ReplayStatus = ["running", "done", "failed"];

    /// What was to be sent: `fallback` is a step that the route came to by itself.
    DecidedOn = ["create", "resend", "fallback"];

    /// What was done: the kind of the object, and a verb.
    AuditAction = Action::ALL.iter().map(|action| action.as_str());

    /// `cli`: the command line.
    AuditActorKind = ActorKind::ALL.map(ActorKind::as_str);

    /// What it was done to.
    AuditObjectKind = Action::objects();

    /// Of what has no code to be checked.
    VerificationKind = ["message"];

    /// The site itself.
    Host = ["host"];

    LiveStatus = ["ok"];

    /// `degraded`: it works, but a dependency is unavailable.
    ReadyStatus = ["ok", "degraded"];

    DatabaseEngine = ["sqlite", "postgres"];

    /// `none` is configured, `ok`, or `away`: then each replica applies limits on its own.
    RedisState = ["none", "ok", "away"];
}

/// A date, or a time of RFC 3339: one string, since generated clients make a union of two formats a class of its own.
pub struct Moment;

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?$";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(pattern))
            .into()
    }
}

/// The bytes of a spreadsheet.
pub struct Spreadsheet;

impl PartialSchema for Spreadsheet {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}

impl ToSchema for Spreadsheet {}

impl ToSchema for Moment {}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    /// Handlers write what the document takes from serde.
    fn writes_what_it_reads<T: DeserializeOwned>(name: fn(T) -> &'static str) {
        assert!(of_enum::<T>().len() > 1);
        for word in of_enum::<T>() {
            assert_eq!(name(serde_json::from_value((*word).into()).unwrap()), *word);
        }
    }

    #[test]
    fn enums_have_one_name_for_each_variant() {
        writes_what_it_reads(attempt::AttemptStatus::as_str);
        writes_what_it_reads(attempt::Reason::as_str);
        writes_what_it_reads(cost::CostState::as_str);
        writes_what_it_reads(cost::Basis::as_str);
        writes_what_it_reads(event::EventKind::name);
    }
}
