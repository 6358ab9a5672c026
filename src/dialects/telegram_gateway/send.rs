//! `sendVerificationMessage`: each call is a new verification, along the project's route.

use std::time::Duration;

use serde_json::value::RawValue;

use super::answer::{self, RequestStatus};
use super::caller::Call;
use super::fault::{Fault, Word};
use super::request_id;
use crate::gateway::{StartRequest, Visitor};
use crate::message::Wording;
use crate::verification::Status;
use crate::verification::asked::{Asked, Face};
use crate::verification::attempt::Reason;
use crate::verification::code::Code;
use crate::verification::numbers::Parsed;

/// How long the answer may wait for the first provider, as in our own API.
const WAIT: Duration = Duration::from_secs(2);

/// In bytes.
const LONGEST_PAYLOAD: usize = 128;
const LONGEST_CALLBACK_URL: usize = 256;

pub async fn send(call: &Call) -> Result<Box<RawValue>, Fault> {
    let Call {
        gateway,
        access,
        project,
        parameters,
    } = call;
    let to = number(call)?;
    let id = match parameters.take("request_id", Word::RequestIdInvalid)? {
        None => None,
        Some(text) => {
            let id = request_id::read(&text)?;
            if !request_id::was_given_out(gateway, id, *project, &to.phone) {
                return Err(Word::RequestIdInvalid.into());
            }
            Some(id)
        }
    };
    let sender = parameters.take("sender_username", Word::SenderNotOwned)?;
    if sender.is_some_and(|name| !gateway.verify().owns_sender(&name)) {
        return Err(Word::SenderNotOwned.into());
    }
    let code = match parameters.take("code", Word::CodeInvalid)? {
        None => None,
        Some(text) => Some(Code::parse(&text).ok_or(Word::CodeInvalid)?),
    };
    let code_length = if code.is_some() {
        None
    } else {
        let length = parameters.whole("code_length", Word::CodeLengthInvalid)?;
        let length = length.ok_or(Word::CodeLengthRequired)?;
        if !Code::LENGTHS.contains(&length) {
            return Err(Word::CodeLengthInvalid.into());
        }
        Some(length)
    };
    let payload = parameters.take("payload", Word::PayloadInvalid)?;
    if payload
        .as_ref()
        .is_some_and(|text| text.len() > LONGEST_PAYLOAD)
    {
        return Err(Word::PayloadInvalid.into());
    }
    let ttl = parameters.whole("ttl", Word::TtlInvalid)?;
    if ttl.is_some_and(|seconds| !(30..=3_600).contains(&seconds)) {
        return Err(Word::TtlInvalid.into());
    }
    let report_to = match parameters.take("callback_url", Word::CallbackUrlInvalid)? {
        None => None,
        // A send that must fail names no host.
        Some(_) if !gateway.verify().admits(*project, &to) => {
            return Err(Word::PhoneNumberNotAvailable.into());
        }
        Some(url) => Some(report_address(call, &url).await?),
    };
    let start = StartRequest {
        project: *project,
        to,
        asked: Some(Box::new(Asked {
            face: Face::Telegram,
            key: report_to.is_some().then_some(access.key),
            report_to,
            ..Asked::default()
        })),
        id,
        code,
        code_length,
        ttl: None,
        begin_within: ttl.map(Duration::from_secs),
        channels: None,
        workflow: None,
        payload,
        wording: Wording::default(),
        limit_keys: Vec::new(),
        brand: None,
        visitor: Visitor::default(),
        wait: WAIT,
    };
    let started = gateway.verify().start(start, None).await?;
    let v = started.verification;
    if v.record.status == Status::Failed && v.costs().is_empty() {
        // Telegram refuses before it takes a message.
        let reason = v.newest().and_then(|attempt| attempt.reason);
        return Err(match reason {
            Some(Reason::NumberInvalid) => Word::PhoneNumberInvalid,
            Some(Reason::BudgetExhausted) => Word::BalanceNotEnough,
            _ => Word::PhoneNumberNotAvailable,
        }
        .into());
    }
    Ok(RequestStatus::of(&v, &answer::converter(gateway)).json())
}

/// The number, which some clients send as digits alone.
pub fn number(call: &Call) -> Result<Parsed, Fault> {
    let text = call
        .parameters
        .take("phone_number", Word::PhoneNumberInvalid)?
        .ok_or(Word::PhoneNumberInvalid)?;
    // In a form or a query, a plus sign that is not encoded arrives as a space.
    let text = text.trim();
    let is_bare = text.bytes().all(|b| b.is_ascii_digit());
    let text = if is_bare {
        format!("+{text}")
    } else {
        text.to_owned()
    };
    Ok(call.gateway.verify().read_number(call.project, &text)?)
}

async fn report_address(call: &Call, url: &str) -> Result<String, Fault> {
    if url.len() > LONGEST_CALLBACK_URL {
        return Err(Word::CallbackUrlInvalid.into());
    }
    let admitted = call
        .gateway
        .verify()
        .admit_report_address(call.project, url);
    match admitted.await {
        Ok(Some(url)) => Ok(url),
        Ok(None) => Err(Word::CallbackUrlInvalid.into()),
        Err(error) => Err(crate::gateway::Error::from(error).into()),
    }
}
