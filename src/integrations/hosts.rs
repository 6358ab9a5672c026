//! What each kind of identity server signs and sends.

use std::borrow::Cow;

use serde_json::Value;

use super::order::Order;
use super::secrets::each;
use super::settings::Settings;
use super::signature::Signed;
use super::{Kind, Preset, authgear, generic, supabase, zitadel};

/// Reads a body.
#[must_use]
pub fn order(kind: Kind, settings: &Settings, body: &Value) -> Order {
    match kind {
        Kind::Supabase => supabase::order(body),
        Kind::Zitadel => zitadel::order(body),
        Kind::Authgear => authgear::order(body),
        Kind::Generic => generic::order(settings, body),
        Kind::VonageApplication => Order::default(),
    }
}

/// A number with the plus sign that some servers drop, in requests and in word of success.
#[must_use]
pub fn international<'a>(kind: Kind, settings: &Settings, number: &'a str) -> Cow<'a, str> {
    let drops_plus = kind == Kind::Supabase || settings.preset.is_some_and(Preset::drops_plus);
    if drops_plus && number.starts_with(|c: char| c.is_ascii_digit()) {
        format!("+{number}").into()
    } else {
        number.into()
    }
}

/// Whether one of the secrets signed it. Of a kind that does not sign, never.
#[must_use]
pub fn authentic(kind: Kind, secrets: &[String], signed: &Signed<'_>) -> bool {
    let mut secrets = secrets.iter().flat_map(|secret| each(secret));
    match kind {
        Kind::Supabase => secrets.any(|secret| supabase::is_signed(secret, signed)),
        Kind::Zitadel => secrets.any(|secret| zitadel::is_signed(secret, signed)),
        Kind::Authgear => secrets.any(|secret| authgear::is_signed(secret, signed)),
        Kind::Generic | Kind::VonageApplication => false,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    /// Requests of each server, signed with public keys.
    const VECTORS: &str = include_str!("../../tests/vectors/identity-hooks.json");

    #[test]
    fn each_signature_of_the_vectors_is_judged_as_it_says() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let mut judged = 0;
        for (name, kind) in [
            ("supabase_send_sms", Kind::Supabase),
            ("zitadel_http_sms", Kind::Zitadel),
            ("authgear_custom_sms", Kind::Authgear),
        ] {
            for case in vectors[name]["cases"].as_array().unwrap() {
                let secrets = match case["configured_secrets"].as_array() {
                    Some(secrets) => secrets.clone(),
                    None => vec![
                        [&case["signing_key"], &case["key"]]
                            .into_iter()
                            .find(|key| key.is_string())
                            .unwrap()
                            .clone(),
                    ],
                };
                let secrets: Vec<String> = secrets
                    .iter()
                    .map(|secret| secret.as_str().unwrap().to_owned())
                    .collect();
                let headers = case["headers"].as_object().unwrap();
                let header = |name: &str| {
                    let mut found = headers
                        .iter()
                        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
                    found
                        .next()
                        .map(|(_, value)| value.as_str().unwrap().to_owned())
                };
                let clock = case["verifier_clock"].as_i64().unwrap_or(1_795_341_600);
                let signed = Signed {
                    header: &header,
                    body: case["body"].as_str().unwrap().as_bytes(),
                    now: DateTime::from_timestamp(clock, 0).unwrap(),
                };
                let is_authentic = authentic(kind, &secrets, &signed);
                assert_eq!(is_authentic, case["expected_valid"], "{}", case["id"]);
                assert!(!authentic(
                    kind,
                    &["v1,whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()],
                    &signed
                ));
                assert!(!authentic(kind, &[], &signed));
                judged += 1;
            }
        }
        assert_eq!(judged, 9);
    }

    #[test]
    fn junk_in_headers_is_no_signature() {
        let now = DateTime::from_timestamp(1_795_341_600, 0).unwrap();
        let secrets = ["v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned()];
        for junk in [
            "",
            ",",
            "v1,",
            "v1,é",
            "t=1795341600,v1=",
            "t=,v1=zz",
            "0",
            "abc",
            "=",
            "v1=\u{0}",
        ] {
            for kind in Kind::ALL {
                let header = |_: &str| Some(junk.to_owned());
                let signed = Signed {
                    header: &header,
                    body: b"{}",
                    now,
                };
                assert!(!authentic(kind, &secrets, &signed), "{kind:?} {junk}");
            }
        }
    }
}
