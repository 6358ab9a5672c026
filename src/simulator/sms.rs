//! A simple HTTP SMS provider: `POST|GET /sms/send` with `to`, `text`, `ref`, `dlr` as JSON, form or query.

use actix_web::{HttpRequest, HttpResponse};
use reqwest::Url;
use serde::Serialize;

use super::callbacks;
use super::digest::random_bytes;
use super::numbers::{Number, Reports, Sms};
use super::params::Params;
use super::phones::Message;
use super::reports::{Event, Kind, Report};
use super::world::{World, after, lock};

/// In characters: about ten GSM-7 segments, the limit of the large providers.
const LONGEST_TEXT: usize = 1600;
const LONGEST_REF: usize = 256;

#[derive(Debug, Serialize)]
struct Accepted<'a> {
    message_id: &'a str,
    status: &'static str,
    segments: usize,
}

#[derive(Debug, Serialize)]
struct Refused {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    error: &'static str,
}

#[derive(Debug, Serialize)]
struct DeliveryReport<'a> {
    message_id: &'a str,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    status: &'static str,
    to: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// HTTP 400: invalid request.
    Faulty(&'static str),
    /// HTTP 200 with `error_code` 7: the number cannot be reached.
    Unreachable,
    /// HTTP 200 with `error_code` 8: not a phone number.
    NotANumber,
}

struct Outgoing<'a> {
    number: Number,
    text: &'a str,
    reference: Option<&'a str>,
    report_to: Option<Url>,
}

pub(super) fn answer(world: &World, http: &HttpRequest, body: &[u8]) -> HttpResponse {
    let Ok(params) = Params::read(http, body) else {
        return Refusal::Faulty("the body is not a JSON object").into_response();
    };
    match parse(world, &params) {
        Ok(outgoing) => accept(world, &outgoing),
        Err(refusal) => refusal.into_response(),
    }
}

fn parse<'a>(world: &World, params: &'a Params) -> Result<Outgoing<'a>, Refusal> {
    let to = params
        .get("to")
        .ok_or(Refusal::Faulty("`to` is missing: a number in E.164"))?;
    let text = params
        .get("text")
        .ok_or(Refusal::Faulty("`text` is missing"))?;
    if text.chars().count() > LONGEST_TEXT {
        return Err(Refusal::Faulty("`text` is over 1600 characters"));
    }
    let reference = params.get("ref");
    if reference.is_some_and(|reference| reference.len() > LONGEST_REF) {
        return Err(Refusal::Faulty("`ref` is over 256 bytes"));
    }
    let report_to = match params.get("dlr") {
        None => None,
        Some(url) => Some(callbacks::read(url, &world.callbacks).map_err(refused_callback)?),
    };
    let number = Number::parse(to).ok_or(Refusal::NotANumber)?;
    if number.behaviour().sms == Sms::Refused {
        return Err(Refusal::Unreachable);
    }
    Ok(Outgoing {
        number,
        text,
        reference,
        report_to,
    })
}

fn refused_callback(refused: callbacks::Refused) -> Refusal {
    Refusal::Faulty(match refused {
        callbacks::Refused::Malformed => "`dlr` is not an http(s) URL of at most 256 bytes",
        callbacks::Refused::Elsewhere => {
            "`dlr` is neither on this machine nor listed: simulator_callbacks, or --callbacks of `pinroute simulator`"
        }
    })
}

fn accept(world: &World, outgoing: &Outgoing<'_>) -> HttpResponse {
    let message_id = format!("sm_{}", hex::encode(random_bytes::<12>()));
    let arrives = after(world.clock.now(), world.pace.delivered_after);
    let is_delivered = outgoing.number.behaviour().sms == Sms::Delivers;
    if is_delivered {
        let message = Message::Sms {
            text: outgoing.text.to_owned(),
            arrives,
        };
        lock(&world.phones).add(outgoing.number, message);
    }
    let times = match outgoing.number.behaviour().reports {
        Reports::Never => 0,
        Reports::TwiceAndOutOfOrder => 2,
        // SMS reports are not signed.
        Reports::Normal | Reports::WronglySigned => 1,
    };
    let report = DeliveryReport {
        message_id: &message_id,
        reference: outgoing.reference,
        status: if is_delivered { "DELIVRD" } else { "UNDELIV" },
        to: outgoing.number.to_string(),
    };
    if times > 0
        && let Some(url) = &outgoing.report_to
        && let Ok(body) = serde_json::to_string(&report)
    {
        let report = Report {
            url: url.clone(),
            body,
            kind: Kind::Sms,
            tries: 0,
        };
        world
            .schedule
            .add(arrives, Event::Post(vec![report; times]));
    }
    HttpResponse::Ok().json(Accepted {
        message_id: &message_id,
        status: "ok",
        segments: segments(outgoing.text),
    })
}

impl Refusal {
    fn into_response(self) -> HttpResponse {
        let refused = |error_code, error| Refused {
            status: "error",
            error_code,
            error,
        };
        match self {
            Self::Faulty(error) => HttpResponse::BadRequest().json(refused(None, error)),
            Self::Unreachable => {
                HttpResponse::Ok().json(refused(Some("7"), "the number cannot be reached"))
            }
            Self::NotANumber => {
                HttpResponse::Ok().json(refused(Some("8"), "`to` is not a phone number in E.164"))
            }
        }
    }
}

/// The GSM 7-bit default alphabet (3GPP TS 23.038) and its extension table, whose characters take two septets.
const PLAIN: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const PLAIN_DOUBLE: &str = "\u{c}^{}\\[~]|€";

/// A single GSM-7 segment has 160 septets, a part of a longer message 153. UCS-2 has 70 and 67 code units. Ignores
/// that an escape sequence or surrogate pair cannot be split across parts.
fn segments(text: &str) -> usize {
    let plain: Option<usize> = text
        .chars()
        .map(|character| {
            if PLAIN.contains(character) {
                Some(1)
            } else {
                PLAIN_DOUBLE.contains(character).then_some(2)
            }
        })
        .sum();
    let (length, alone, part) = match plain {
        Some(length) => (length, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    if length <= alone {
        1
    } else {
        length.div_ceil(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_depend_on_length_and_alphabet() {
        for (text, expected) in [
            ("Your code is 123456".to_owned(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("я".repeat(70), 1),
            ("я".repeat(71), 2),
            ("я".repeat(135), 3),
            ("😀".repeat(35), 1),
            ("😀".repeat(36), 2),
        ] {
            assert_eq!(segments(&text), expected, "{text}");
        }
    }
}
