//! `POST /v1/messages/preview`: what a message would say and cost.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Caller, Verify};
use super::input::{Fields, integer, text};
use super::openapi::sets;
use super::problem::{FieldFault, Problem};
use super::verifications::MoneyBody;
use super::verifications::start::{app_hash, host, locale, read_phone};
use crate::gateway::{Gateway, Preview, PreviewRequest, Price};
use crate::verification::Wording;
use crate::verification::phone::Country;

/// A message that might be sent. Of `phone_number` and `country` one is needed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PreviewRequest)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct PreviewRequestBody {
    #[schema(max_length = 40)]
    phone_number: Option<String>,
    /// ISO 3166, instead of a number.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: Option<String>,
    /// A language tag; without it the country's language counts.
    #[schema(max_length = 35)]
    locale: Option<String>,
    #[schema(max_length = 253)]
    web_domain: Option<String>,
    #[schema(pattern = "^[A-Za-z0-9+/]{11}$")]
    android_app_hash: Option<String>,
    /// A text to try out instead of the project's own, with `{code}` and perhaps `{minutes}`.
    #[schema(max_length = 1000)]
    template: Option<String>,
    #[schema(minimum = 4, maximum = 8)]
    code_length: Option<u8>,
    /// For a key of the whole instance: the project's name; `default` without one.
    project: Option<String>,
}

/// What would be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub struct PreviewBody {
    /// The language that was chosen.
    locale: String,
    /// The SMS, with a sample code. Telegram sends its own text around the code.
    text: String,
    #[schema(value_type = sets::Encoding)]
    encoding: &'static str,
    /// What is paid for, each at the country's rate.
    segments: u32,
    characters: usize,
    /// In the order of the project's route.
    costs: Vec<PriceBody>,
}

/// What one provider would take.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewPrice)]
struct PriceBody {
    #[schema(value_type = sets::Channel)]
    channel: &'static str,
    provider: String,
    /// Null when there is no price for the country: then nothing is sent by this provider.
    #[schema(required)]
    cost: Option<MoneyBody>,
}

/// Preview a message
///
/// Shows the text, its encoding, its segments and what it would cost. Sends nothing.
#[utoipa::path(
    post, operation_id = "previewMessage", path = "/v1/messages/preview", tag = "Verifications",
    request_body = PreviewRequestBody,
    responses((status = 200, description = "As it would be sent", body = PreviewBody)),
    security(("key" = ["verify"]))
)]
pub async fn preview(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::read(&request, &body)?;
    let named = fields.take("project", text(1, 100));
    let number = fields.take("phone_number", text(0, 40));
    let country = fields.take("country", |value| {
        let text = value.as_str().ok_or("must be a string")?;
        Country::existing(text)
    });
    let wording = Wording {
        locale: fields.take("locale", locale),
        web_domain: fields.take("web_domain", host),
        android_app_hash: fields.take("android_app_hash", app_hash),
        template: None,
    };
    let template = fields.take("template", |value| {
        Ok(value.as_str().ok_or("must be a string")?.to_owned())
    });
    let code_length = fields
        .take("code_length", integer(4..=8))
        .and_then(|length| u8::try_from(length).ok());
    if number.is_some() && country.is_some() {
        fields.fault(
            "country",
            "stands beside phone_number; give one of them".to_owned(),
        );
    }
    if number.is_none() && country.is_none() && !fields.has_faults() {
        fields.fault("phone_number", "is required, or country instead".to_owned());
    }
    fields.finish()?;
    let country = match (number, country) {
        (Some(number), _) => read_phone(&number)?.1,
        (None, Some(country)) => country,
        (None, None) => return Err(Problem::unavailable()),
    };
    let asked = PreviewRequest {
        project: caller.project_or_default(&gateway, named.as_deref())?,
        country,
        wording,
        template,
        code_length,
    };
    let preview = gateway.preview(asked);
    match preview.map_err(|trouble| Problem::of(trouble, gateway.now()))? {
        Ok(preview) => Ok(HttpResponse::Ok().json(PreviewBody::of(preview))),
        Err(detail) => Err(Problem::invalid(vec![FieldFault {
            pointer: "/template".to_owned(),
            detail,
        }])),
    }
}

impl PreviewBody {
    fn of(preview: Preview) -> Self {
        let price = |price: Price| PriceBody {
            channel: price.channel.as_str(),
            provider: price.provider,
            cost: price.price.map(MoneyBody::from),
        };
        Self {
            locale: preview.locale,
            characters: preview.text.chars().count(),
            text: preview.text,
            encoding: preview.encoding.as_str(),
            segments: preview.segments,
            costs: preview.costs.into_iter().map(price).collect(),
        }
    }
}
