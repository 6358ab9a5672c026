//! The problems that each operation can answer: one table, and its rendering in the document.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use utoipa::Modify;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};

use crate::abuse::limits::Exhausted;
use crate::api::openapi::conventions::operations;
use crate::api::problem::{Code, Problem};
use crate::verification::Refusal;
use crate::verification::Status;
use crate::verification::route::Channel;
use crate::web::{self, FieldFault};

/// Every operation that requires a key.
const KEY: &[Code] = &[
    Code::Unauthorized,
    Code::Forbidden,
    Code::ServiceUnavailable,
    Code::InternalError,
];

/// Every operation that takes a body.
#[rustfmt::skip]
const BODY: &[Code] = &[
    Code::InvalidRequest, Code::PayloadTooLarge, Code::UnsupportedMediaType, Code::RequestTimeout,
];

/// Every operation that takes a body and an `Idempotency-Key`.
#[rustfmt::skip]
const POST: &[Code] = &[
    Code::InvalidRequest, Code::PayloadTooLarge, Code::UnsupportedMediaType, Code::RequestTimeout,
    Code::IdempotencyInProgress, Code::IdempotencyMismatch,
];

/// Every operation that acts on one verification that must be pending.
const ACT: &[Code] = &[
    Code::VerificationNotFound,
    Code::VerificationNotPending,
    Code::VerificationExpired,
];

/// Every operation that providers call.
const CALLBACK: &[Code] = &[
    Code::InvalidRequest,
    Code::Unauthorized,
    Code::ServiceUnavailable,
    Code::InternalError,
];

/// By operation id. Problems of every address are documented once, as `default`.
#[rustfmt::skip]
pub const PROBLEMS: &[(&str, &[&[Code]])] = &[
    ("startVerification",      &[KEY, POST, &[Code::CountryBlocked, Code::RequestBlocked, Code::PhoneNumberInvalid, Code::PhoneNumberUnsupported,
                                              Code::ChannelUnavailable, Code::RateLimited, Code::BudgetExhausted]]),
    ("listVerifications",      &[KEY, &[Code::InvalidRequest]]),
    ("getVerification",        &[KEY, &[Code::VerificationNotFound]]),
    ("checkVerification",      &[KEY, POST, ACT, &[Code::TooManyChecks, Code::RateLimited]]),
    ("resendVerification",     &[KEY, POST, ACT, &[Code::RequestBlocked, Code::ResendTooSoon, Code::TooManySends, Code::RateLimited,
                                                   Code::ChannelUnavailable, Code::BudgetExhausted]]),
    ("cancelVerification",     &[KEY, POST, ACT]),
    ("listVerificationEvents", &[KEY, &[Code::VerificationNotFound]]),
    ("streamVerificationEvents", &[KEY, &[Code::VerificationNotFound]]),
    ("previewMessage",         &[KEY, BODY, &[Code::PhoneNumberInvalid, Code::PhoneNumberUnsupported]]),
    ("createProject",          &[KEY, POST]),
    ("listProjects",           &[KEY, &[Code::InvalidRequest]]),
    ("getProject",             &[KEY, &[Code::NotFound]]),
    ("changeProject",          &[KEY, BODY, &[Code::NotFound]]),
    ("createKey",              &[KEY, POST]),
    ("listKeys",               &[KEY, &[Code::InvalidRequest]]),
    ("revokeKey",              &[KEY, &[Code::NotFound]]),
    ("createWebhook",          &[KEY, POST]),
    ("listWebhooks",           &[KEY, &[Code::InvalidRequest]]),
    ("getWebhook",             &[KEY, &[Code::NotFound]]),
    ("deleteWebhook",          &[KEY, &[Code::NotFound]]),
    ("rotateWebhook",          &[KEY, POST, &[Code::NotFound]]),
    ("listWebhookDeliveries",  &[KEY, &[Code::InvalidRequest, Code::NotFound]]),
    ("testWebhook",            &[KEY, POST, &[Code::NotFound]]),
    ("redeliverWebhook",       &[KEY, POST, &[Code::NotFound]]),
    ("createIntegration",      &[KEY, POST]),
    ("listIntegrations",       &[KEY, &[Code::InvalidRequest]]),
    ("getIntegration",         &[KEY, &[Code::NotFound]]),
    ("changeIntegration",      &[KEY, BODY, &[Code::NotFound]]),
    ("deleteIntegration",      &[KEY, &[Code::NotFound]]),
    ("rotateIntegration",      &[KEY, POST, &[Code::NotFound]]),
    ("addListEntry",           &[KEY, POST, &[Code::NotFound]]),
    ("listListEntries",        &[KEY, &[Code::InvalidRequest]]),
    ("deleteListEntry",        &[KEY, &[Code::NotFound]]),
    ("listDecisions",          &[KEY, &[Code::InvalidRequest]]),
    ("exportDecisionsCsv",     &[KEY, &[Code::InvalidRequest]]),
    ("listBlocks",             &[KEY, &[Code::InvalidRequest]]),
    ("endBlock",               &[KEY, &[Code::NotFound]]),
    ("listCells",              &[KEY, &[Code::InvalidRequest]]),
    ("startReplay",            &[KEY, BODY, &[Code::RateLimited]]),
    ("getReplay",              &[KEY, &[Code::NotFound]]),
    ("listAudit",              &[KEY, &[Code::InvalidRequest]]),
    ("exportAuditCsv",         &[KEY, &[Code::InvalidRequest]]),
    ("findSubject",            &[KEY, BODY]),
    ("eraseSubject",           &[KEY, BODY]),
    ("listLedger",             &[KEY, &[Code::InvalidRequest]]),
    ("exportLedgerCsv",        &[KEY, &[Code::InvalidRequest]]),
    ("listUnsettled",          &[KEY, &[Code::InvalidRequest]]),
    ("reportCosts",            &[KEY, &[Code::InvalidRequest, Code::ExchangeRateMissing]]),
    ("exportCostsCsv",         &[KEY, &[Code::InvalidRequest, Code::ExchangeRateMissing]]),
    ("exportCostsXlsx",        &[KEY, &[Code::InvalidRequest, Code::ExchangeRateMissing]]),
    ("reportConversion",       &[KEY, &[Code::InvalidRequest]]),
    ("exportConversionCsv",    &[KEY, &[Code::InvalidRequest]]),
    ("exportConversionXlsx",   &[KEY, &[Code::InvalidRequest]]),
    ("listExchangeRates",      &[KEY, &[Code::InvalidRequest]]),
    ("putExchangeRates",       &[KEY, BODY]),
    ("listRates",              &[KEY, &[Code::InvalidRequest]]),
    ("putRates",               &[KEY, BODY]),
    ("listBudgets",            &[KEY, &[Code::InvalidRequest]]),
    ("putBudgets",             &[KEY, BODY, &[Code::ExchangeRateMissing]]),
    ("listBalances",           &[KEY, &[Code::InvalidRequest]]),
    ("topUp",                  &[KEY, POST, &[Code::NotFound]]),
    ("adjustBalance",          &[KEY, POST, &[Code::NotFound]]),
    ("receiveSignedReport",    &[CALLBACK, &[Code::PayloadTooLarge, Code::RequestTimeout]]),
    ("receiveReport",          &[CALLBACK, &[Code::PayloadTooLarge, Code::RequestTimeout]]),
    ("receiveReportByGet",     &[CALLBACK]),
    ("deliverCode",            &[CALLBACK, &[Code::NotFound, Code::PayloadTooLarge, Code::RequestTimeout]]),
    ("deliverCodeByGet",       &[CALLBACK, &[Code::NotFound]]),
    ("reportVerified",         &[CALLBACK, &[Code::NotFound, Code::PayloadTooLarge, Code::RequestTimeout, Code::UnsupportedMediaType]]),
    ("getLiveness",            &[]),
    ("getReadiness",           &[&[Code::ServiceUnavailable]]),
    ("getMetrics",             &[]),
    ("getKeySet",              &[]),
    ("getOpenapi",             &[]),
];

const MEDIA_TYPE: &str = "application/problem+json";

/// Adds the problems of the table to every operation, and the headers that answers carry.
pub struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut OpenApi) {
        for operation in operations(document) {
            let id = operation.operation_id.as_deref().unwrap_or_default();
            let row = PROBLEMS.iter().find(|(row, _)| *row == id);
            add(operation, row.map_or(&[], |(_, groups)| groups));
        }
        let components = document.components.get_or_insert_default();
        let any = ResponseBuilder::new()
            .description(format!(
                "Any other fault. {}",
                described(&[Code::MethodNotAllowed, Code::NotFound])
            ))
            .header_ref("x-request-id", header("RequestId"))
            .header_ref("allow", header("Allow"))
            .content(
                MEDIA_TYPE,
                content(&[Code::MethodNotAllowed, Code::NotFound]),
            );
        components
            .responses
            .insert("Problem".to_owned(), any.build().into());
        for code in Code::ALL {
            let example = ExampleBuilder::new()
                .summary(code.title())
                .value(serde_json::to_value(example(code).body()).ok());
            let name = code.as_str().to_owned();
            components.examples.insert(name, example.build().into());
        }
        for (name, header) in headers() {
            components.headers.insert(name.to_owned(), header.into());
        }
    }
}

fn add(operation: &mut Operation, groups: &[&[Code]]) {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in groups.iter().copied().flatten() {
        by_status.entry(code.status()).or_default().push(*code);
    }
    let responses = &mut operation.responses.responses;
    for response in responses.values_mut() {
        if let RefOr::T(response) = response {
            response
                .headers
                .insert("x-request-id".to_owned(), RefOr::Ref(header("RequestId")));
        }
    }
    for (status, codes) in by_status {
        responses.insert(status.to_string(), response(status, &codes).into());
    }
    responses.insert(
        "default".to_owned(),
        Ref::from_response_name("Problem").into(),
    );
}

fn response(status: u16, codes: &[Code]) -> Response {
    let response = ResponseBuilder::new()
        .description(described(codes))
        .header_ref("x-request-id", header("RequestId"))
        .content(MEDIA_TYPE, content(codes));
    match status {
        401 => response.header_ref("www-authenticate", header("WwwAuthenticate")),
        429 | 503 => response.header_ref("retry-after", header("RetryAfter")),
        _ => response,
    }
    .build()
}

fn described(codes: &[Code]) -> String {
    let line = |code: &Code| format!("`{}`: {}.", code.as_str(), code.title());
    codes.iter().map(line).collect::<Vec<_>>().join(" ")
}

fn content(codes: &[Code]) -> Content {
    let example = |code: &Code| {
        let name = code.as_str();
        (
            name,
            RefOr::Ref(Ref::new(format!("#/components/examples/{name}"))),
        )
    };
    Content::builder()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(codes.iter().map(example))
        .build()
}

fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

fn headers() -> [(&'static str, Header); 4] {
    let described = |schema: ObjectBuilder, text: &str| {
        HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(text))
            .build()
    };
    let text = |example: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .examples([example])
    };
    let seconds = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .examples([30]);
    [
        (
            "RequestId",
            described(
                text("4f1d2c9be6a84b0c8f7d3a5e9b1c6d20"),
                "Identifies this request in the logs: the caller's own `x-request-id` when it is 1 to 64 letters, digits, `-`, `_` and `.`.",
            ),
        ),
        (
            "RetryAfter",
            described(
                seconds,
                "Seconds after which a retry can succeed. Absent where waiting does not help: `too_many_checks`, `too_many_sends`.",
            ),
        ),
        (
            "WwwAuthenticate",
            described(text("Bearer"), "How to authenticate."),
        ),
        (
            "Allow",
            described(text("GET, POST"), "With 405: the methods of this address."),
        ),
    ]
}

/// A problem as a handler answers it; one for every code.
fn example(code: Code) -> Problem {
    let epoch = DateTime::UNIX_EPOCH;
    let field = |detail| Problem::field(code, "/phone_number", detail);
    match code {
        Code::InvalidRequest => web::Fault::invalid(vec![FieldFault {
            pointer: "/ttl".to_owned(),
            detail: "must be a whole number from 30 to 86400".to_owned(),
        }])
        .into(),
        Code::Unauthorized => Problem::new(code, "The key is unknown, expired or revoked."),
        Code::Forbidden => Problem::new(code, "The key lacks the scope `verify`."),
        Code::CountryBlocked => field("is from RU, which this project does not allow"),
        Code::RequestBlocked => Problem::blocked(),
        Code::PhoneNumberInvalid => field("is not a possible phone number"),
        Code::PhoneNumberUnsupported => field("premium-rate numbers are not verified"),
        Code::RateLimited => Problem::limited(&Exhausted {
            is_of_number: true,
            limit: None,
            what: "too many codes sent to this number",
            retry_after: std::time::Duration::from_secs(540),
        }),
        Code::ResendTooSoon => {
            let from = epoch + TimeDelta::seconds(30);
            Problem::refused(Refusal::ResendTooSoon(from), epoch)
        }
        Code::TooManySends => Problem::refused(Refusal::TooManySends, epoch),
        Code::TooManyChecks => Problem::refused(Refusal::TooManyChecks, epoch),
        Code::VerificationNotFound => Problem::not_found(),
        Code::VerificationExpired => Problem::refused(Refusal::Expired, epoch),
        Code::VerificationNotPending => {
            Problem::refused(Refusal::NotPending(Status::Canceled), epoch)
        }
        Code::ChannelUnavailable => {
            let open = vec![Channel::Sms];
            Problem::refused(Refusal::ChannelUnavailable { open }, epoch)
        }
        Code::IdempotencyMismatch => Problem::new(
            code,
            "This Idempotency-Key was used with another body; a new request needs a new key.",
        ),
        Code::IdempotencyInProgress => Problem::new(
            code,
            "The first request with this Idempotency-Key is still running; retry shortly.",
        ),
        Code::ExchangeRateMissing => Problem::new(
            code,
            "There is no exchange rate for RUB to USD on 2026-11-01; PUT /v1/exchange-rates adds one.",
        ),
        Code::BudgetExhausted => Problem::refused(Refusal::BudgetExhausted, epoch),
        Code::ServiceUnavailable => Problem::unavailable(),
        Code::InternalError => web::Fault::internal().into(),
        Code::NotFound => web::Fault::not_found().into(),
        Code::MethodNotAllowed => web::Fault::method_not_allowed("GET, POST").into(),
        Code::PayloadTooLarge => Problem::new(code, "The body may have at most 65536 bytes."),
        Code::RequestTimeout => Problem::new(code, "The request did not arrive within 30 s."),
        Code::UnsupportedMediaType => Problem::new(
            code,
            "Content-Type is text/plain; send `Content-Type: application/json`.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn every_code_is_listed_and_has_an_example_of_its_own() {
        let schema = serde_json::to_value(Code::schema()).unwrap();
        let codes = Code::ALL.map(|code| serde_json::Value::from(code.as_str()));
        assert_eq!(schema["enum"], serde_json::Value::from(codes.to_vec()));
        for code in Code::ALL {
            let body = serde_json::to_value(example(code).body()).unwrap();
            assert_eq!(body["code"], code.as_str());
            assert_eq!(body["status"], code.status());
        }
    }
}
