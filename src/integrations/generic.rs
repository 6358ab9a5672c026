//! Any program that can send a number and a code, or a text with a code in it.

use std::time::Duration;

use serde_json::Value;

use super::order::{Order, found, read};
use super::preset::{Names, Preset};
use super::settings::Settings;

/// The names of the settings go before those of the preset.
pub(super) fn order(settings: &Settings, body: &Value) -> Order {
    let Names {
        phone,
        code,
        text,
        link,
        id,
        locale,
        ip,
        ttl,
    } = Preset::names(settings.preset);
    let own = &settings.fields;
    let take = |own: &Option<String>, preset: &[&str]| match own {
        Some(name) => read(body, &pointer(name)),
        None => found(body, preset),
    };
    let seconds = take(&None, ttl).and_then(|text| text.parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| *seconds > 0.0);
    Order {
        phone: take(&own.phone, phone),
        code: take(&own.code, code),
        text: take(&own.text, text),
        link: found(body, link),
        id: take(&own.id, id),
        locale: take(&own.locale, locale),
        ip: take(&own.ip, ip),
        ttl: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    }
}

/// A JSON pointer, which a name becomes by a slash before it.
fn pointer(name: &str) -> String {
    if name.starts_with('/') {
        name.to_owned()
    } else {
        format!("/{}", name.replace('~', "~0").replace('/', "~1"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::integrations::{Content, FieldNames, Kind, international};
    use crate::verification::code::Code;

    fn code(text: &str) -> Content {
        Content::Code(Code::parse_outside(text).unwrap())
    }

    #[test]
    fn each_preset_finds_number_and_code_where_its_program_puts_them() {
        let text = "Your SMS code is: 561166, valid for 5 minutes";
        for (preset, body) in [
            (
                Some(Preset::Logto),
                json!({"to": "998901234567", "type": "SignIn", "payload": {"code": "561166", "locale": "ru"}, "ip": "203.0.113.7"}),
            ),
            (
                Some(Preset::Kratos),
                json!({"to": "+998901234567", "code": "561166", "ttl": 900, "purpose": "login_code_valid", "text": text}),
            ),
            (
                Some(Preset::Authentik),
                json!({"From": "x", "To": "+998901234567", "Body": "561166", "Message": text}),
            ),
            (
                Some(Preset::Keycloak),
                json!({"message": text, "receiver": "+998901234567", "sender": "Shop"}),
            ),
            (
                Some(Preset::Casdoor),
                json!({"phoneNumber": "+998901234567", "title": "561166"}),
            ),
            (
                Some(Preset::Fusionauth),
                json!({"type": "SMS", "phoneNumber": "+998901234567", "textMessage": text, "code": "561166", "userId": "x"}),
            ),
            (
                Some(Preset::Novu),
                json!({"to": "+998901234567", "content": text, "id": "1"}),
            ),
            (
                Some(Preset::Auth0),
                json!({"to": "+998901234567", "code": "561166", "text": text}),
            ),
            (
                Some(Preset::Auth0),
                json!({"recipient": "+998901234567", "body": text, "sender": "x"}),
            ),
            (
                None,
                json!({"phone_number": "+998901234567", "code": 561_166}),
            ),
        ] {
            let settings = Settings {
                preset,
                ..Settings::default()
            };
            let order = order(&settings, &body);
            assert_eq!(
                international(Kind::Generic, &settings, order.phone().unwrap()),
                "+998901234567",
                "{preset:?}"
            );
            assert_eq!(order.content(), Ok(code("561166")), "{preset:?}");
        }
    }

    #[test]
    fn names_of_the_settings_go_before_those_of_the_preset() {
        let settings = Settings {
            fields: FieldNames {
                phone: Some("mobile".to_owned()),
                code: Some("/data/pin".to_owned()),
                ..FieldNames::default()
            },
            ..Settings::default()
        };
        let body =
            json!({"mobile": "+998901234567", "to": "+1", "data": {"pin": "aB3d9"}, "code": "1"});
        let order = order(&settings, &body);
        assert_eq!(order.phone(), Ok("+998901234567"));
        assert_eq!(order.content(), Ok(code("aB3d9")));
    }
}
