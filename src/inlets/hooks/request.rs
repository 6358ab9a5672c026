//! A host's request: its secret, and its body in any of the usual forms.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};

use crate::gateway::{Gateway, Integration};
use crate::integrations::{AuthKind, Kind, Signed, authentic};
use crate::json;
use crate::web::{credentials, parts};

/// Whether the request holds the integration's secret, or is signed with it.
pub fn is_authentic(
    gateway: &Gateway,
    integration: &Integration,
    request: &HttpRequest,
    body: &[u8],
) -> bool {
    let now = gateway.now();
    let secrets = integration.secrets(now);
    let header = |name: &str| only_header(request, name);
    if integration.kind.signs() {
        let signed = Signed {
            header: &header,
            body,
            now,
        };
        return authentic(integration.kind, &secrets, &signed);
    }
    let auth = &integration.settings.auth;
    let given = match auth.kind {
        AuthKind::Bearer => credentials::bearer(request).map(str::to_owned),
        AuthKind::Basic => credentials::basic(request).map(|(_, password)| password),
        AuthKind::Header => auth.name().and_then(header),
        AuthKind::Query => auth.name().and_then(|name| {
            let pairs = pairs(request.query_string()).ok()?;
            let mut given = pairs.into_iter().filter(|(known, _)| known == name);
            let (_, only) = given.next()?;
            given.next().is_none().then_some(only)
        }),
    };
    given.is_some_and(|given| {
        let is = |secret: &String| {
            aws_lc_rs::constant_time::verify_slices_are_equal(secret.as_bytes(), given.as_bytes())
        };
        secrets.iter().any(|secret| is(secret).is_ok())
    })
}

fn only_header(request: &HttpRequest, name: &str) -> Option<String> {
    let mut given = request.headers().get_all(name);
    let (only, None) = (given.next()?, given.next()) else {
        return None;
    };
    Some(only.to_str().ok()?.to_owned())
}

/// What the request says, as JSON: its body, or with GET its query. The error says what is wrong with it.
pub async fn said(
    integration: &Integration,
    request: &HttpRequest,
    body: &[u8],
) -> Result<Value, String> {
    if request.method() == Method::GET {
        return object(pairs(request.query_string())?);
    }
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_json = integration.kind != Kind::Generic
        || kind.contains("json")
        || body.trim_ascii_start().starts_with(b"{");
    if is_json {
        let said =
            json::strict(body).map_err(|error| format!("The body is not valid JSON: {error}."))?;
        return match said {
            Value::Object(_) => Ok(said),
            _ => Err("The body must be a JSON object.".to_owned()),
        };
    }
    if let Some(read) = parts::read(request, body).await {
        let fields = read.map_err(|broken| format!("{broken}."))?;
        let texts = fields.into_iter();
        return object(
            texts
                .filter_map(|(name, text)| Some((name, text?)))
                .collect(),
        );
    }
    let text = std::str::from_utf8(body).map_err(|_| NO_FORM)?;
    object(pairs(text)?)
}

const NO_FORM: &str = "The request is not a valid form.";

fn pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(text);
    Ok(pairs.map_err(|_| NO_FORM)?.into_inner())
}

fn object(pairs: Vec<(String, String)>) -> Result<Value, String> {
    let mut fields = Map::new();
    for (name, text) in pairs {
        if fields.contains_key(&name) {
            return Err(format!("{}.", json::given_twice(&name)));
        }
        fields.insert(name, Value::String(text));
    }
    Ok(Value::Object(fields))
}
