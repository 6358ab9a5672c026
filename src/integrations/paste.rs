//! What goes into the settings of the other program, in its own words. Sources: the programs' documentation and source code.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::settings::{AuthKind, Settings};
use super::{Kind, Preset};

/// The placeholder for a secret that is no longer known.
pub const HIDDEN: &str = "<secret>";

/// What Kratos renders as a request's body. Its own leaves out the codes of logins and registrations.
const KRATOS: &str = include_str!("kratos.jsonnet");

/// The lines to paste, or the names of settings and their values.
#[must_use]
pub fn paste(kind: Kind, settings: &Settings, url: &str, secret: &str) -> String {
    match kind {
        Kind::Supabase => format!(
            "GOTRUE_HOOK_SEND_SMS_ENABLED=true\nGOTRUE_HOOK_SEND_SMS_URI={url}\nGOTRUE_HOOK_SEND_SMS_SECRETS={secret}"
        ),
        Kind::Zitadel => format!(
            "POST /admin/v1/sms/http\n{{\"endpoint\": \"{url}\", \"description\": \"Pinroute\"}}\n\nPOST /admin/v1/sms/<id>/_activate"
        ),
        Kind::Authgear => format!(
            "# authgear.yaml\nmessaging:\n  sms_gateway:\n    provider: custom\n    use_config_from: authgear.secrets.yaml\n\n\
            # authgear.secrets.yaml, sms.custom\nurl: {url}\ntimeout: 10"
        ),
        Kind::Generic => of_preset(settings, url, secret),
        Kind::VonageApplication => {
            format!("apiHost: {url}\nsignature secret of its webhooks: {secret}")
        }
    }
}

fn of_preset(settings: &Settings, url: &str, secret: &str) -> String {
    let (header, value) = header(settings, secret);
    let url = address(settings, url, secret);
    match settings.preset {
        Some(Preset::Logto) => format!("endpoint: {url}\nauthorization: {value}"),
        Some(Preset::Kratos) => format!(
            "courier:\n  channels:\n    - id: sms\n      type: http\n      request_config:\n        url: {url}\n        method: POST\n        \
            body: base64://{}\n        headers: {{Content-Type: application/json}}\n        auth:\n          type: api_key\n          \
            config: {{name: {header}, value: \"{value}\", in: header}}",
            STANDARD.encode(KRATOS)
        ),
        Some(Preset::Authentik) => {
            let auth = match settings.auth.kind {
                AuthKind::Basic => {
                    format!("Basic auth\nAPI auth username: pinroute\nAPI auth password: {secret}")
                }
                _ => format!("Bearer token\nAPI auth username: {secret}"),
            };
            format!("Provider: Generic\nExternal API URL: {url}\nAuthentication type: {auth}")
        }
        Some(Preset::Keycloak) => {
            let auth = match settings.auth.kind {
                AuthKind::Basic => {
                    format!("apiTokenInHeader: false\napiuser: pinroute\napitoken: {secret}")
                }
                _ => format!("apiTokenInHeader: true\napitoken: {value}"),
            };
            format!(
                "apiurl: {url}\n{auth}\nurlencode: true\nuseUuid: false\n\
                messageattribute: message\nreceiverattribute: receiver\nsenderattribute: sender"
            )
        }
        Some(Preset::Casdoor) => format!(
            "Type: Custom HTTP SMS\nMethod: POST\nParameter: title\nEndpoint: {url}\nHeader: {header}: {value}"
        ),
        Some(Preset::Fusionauth) => format!("URL: {url}\nHeader: {header}: {value}"),
        Some(Preset::Novu) => {
            format!("baseUrl: {url}\napiKeyRequestHeader: {header}\napiKey: {value}")
        }
        Some(Preset::Auth0) => format!(
            "await fetch('{url}', {{\n  method: 'POST',\n  headers: {{ 'content-type': 'application/json', '{header}': '{value}' }},\n  \
            body: JSON.stringify({{ to, code, text, locale, ip }}),\n}});"
        ),
        None => format!(
            "POST {url}\n{header}: {value}\nContent-Type: application/json\n\n{{\"phone_number\": \"+998901234567\", \"code\": \"561166\"}}"
        ),
    }
}

/// The header that shows the secret. By a parameter of the address, it is one that says nothing.
fn header(settings: &Settings, secret: &str) -> (String, String) {
    let auth = &settings.auth;
    match auth.kind {
        AuthKind::Header => (
            auth.name().unwrap_or_default().to_owned(),
            secret.to_owned(),
        ),
        AuthKind::Basic => (
            "Authorization".to_owned(),
            match secret {
                HIDDEN => format!("Basic base64(pinroute:{HIDDEN})"),
                _ => format!("Basic {}", STANDARD.encode(format!("pinroute:{secret}"))),
            },
        ),
        AuthKind::Bearer => ("Authorization".to_owned(), format!("Bearer {secret}")),
        AuthKind::Query => ("Accept".to_owned(), "application/json".to_owned()),
    }
}

fn address(settings: &Settings, url: &str, secret: &str) -> String {
    match (settings.auth.kind, settings.auth.name()) {
        (AuthKind::Query, Some(name)) => format!("{url}?{name}={secret}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrations::Auth;

    #[test]
    fn the_body_for_kratos_is_that_of_its_guide() {
        let guide = include_str!("../../docs/identity-servers/kratos.md");
        assert!(guide.contains(&format!("```jsonnet\n{KRATOS}```")));
        let settings = Settings {
            preset: Some(Preset::Kratos),
            ..Settings::default()
        };
        let text = paste(Kind::Generic, &settings, "https://verify.example/x", HIDDEN);
        assert!(text.contains(&STANDARD.encode(KRATOS)), "{text}");
    }

    #[test]
    fn each_program_is_told_the_address_and_the_secret_where_we_make_it() {
        let url = "https://verify.example/hooks/x";
        for kind in Kind::ALL {
            let text = paste(kind, &Settings::default(), url, "s3cret");
            assert!(text.contains(url), "{text}");
            assert_eq!(text.contains("s3cret"), !kind.is_secret_theirs(), "{text}");
        }
        for preset in Preset::ALL {
            for auth in AuthKind::ALL {
                let settings = Settings {
                    preset: Some(preset),
                    auth: Auth {
                        kind: auth,
                        name: None,
                    },
                    ..Settings::default()
                };
                let text = paste(Kind::Generic, &settings, url, "s3cret");
                // Of "pinroute:s3cret".
                let is_shown = text.contains("s3cret") || text.contains("cGlucm91dGU6czNjcmV0");
                assert!(text.contains(url) && is_shown, "{text}");
            }
        }
    }
}
