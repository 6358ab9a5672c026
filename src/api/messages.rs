//! `POST /v1/messages/preview`: the text and the cost of a message.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{RawBody, body};
use super::caller::{Caller, Verify};
use super::forms;
use super::openapi::sets;
use super::problem::Problem;
use super::values::{MoneyBody, bad_number};
use crate::gateway::{Gateway, Preview, PreviewRequest, Price};
use crate::message::Wording;
use crate::verification::phone::Country;
use crate::web::{Fault, FieldFault, Fields};

body! {
    /// The message to preview. Either `phone_number` or `country` is required.
    closed struct PreviewRequestBody as "PreviewRequest" {
        optional phone_number: Option<String> = forms::phone_number(),
        /// ISO 3166, instead of a number.
        optional country: Option<Country> = forms::country(),
        /// A language tag; the country's language if omitted.
        optional locale: Option<String> = forms::language(),
        optional web_domain: Option<String> = forms::host(),
        optional android_app_hash: Option<String> = forms::app_hash(),
        /// A text to try instead of the project's own, with `{code}` and optionally `{minutes}`.
        optional template: Option<String> = forms::template(),
        optional code_length: Option<u8> = forms::code_length(),
        /// With a key of the whole instance: the project's name; `default` if omitted.
        optional project: Option<String> = forms::project(),
    }
}

/// The message as it would be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub struct PreviewBody {
    /// The chosen language.
    locale: String,
    /// The SMS, with a sample code. Telegram sends its own text around the code.
    text: String,
    #[schema(value_type = sets::Encoding)]
    encoding: &'static str,
    /// The number of segments; each is charged at the country's rate.
    segments: u32,
    characters: usize,
    /// In the order of the project's route.
    costs: Vec<PriceBody>,
}

/// The price of one provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewPrice)]
struct PriceBody {
    #[schema(value_type = sets::Channel)]
    channel: &'static str,
    provider: String,
    /// Null when no price is configured for the country: then this provider sends nothing.
    #[schema(required)]
    cost: Option<MoneyBody>,
}

/// Preview a message
///
/// Returns the text, its encoding, its segments and its cost. Sends nothing.
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
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::json(&request, &body)?;
    let asked = PreviewRequestBody::read(&mut fields);
    if let Some(asked) = &asked {
        let (number, country) = (&asked.phone_number, &asked.country);
        if number.is_some() && country.is_some() {
            fields.fault(
                "country",
                "cannot be combined with phone_number; give one of them".to_owned(),
            );
        }
        if number.is_none() && country.is_none() && !fields.has_faults() {
            fields.fault("phone_number", "is required, or country instead".to_owned());
        }
    }
    let asked = fields.finish_with(asked)?;
    let project = caller.project_or_default(&gateway, asked.project.as_deref())?;
    let country = match (asked.phone_number, asked.country) {
        (Some(number), _) => {
            let number = gateway.verify().read_number(project, &number);
            number.map_err(bad_number)?.country
        }
        (None, Some(country)) => country,
        (None, None) => return Err(Problem::unavailable()),
    };
    let asked = PreviewRequest {
        project,
        country,
        wording: Wording {
            locale: asked.locale,
            web_domain: asked.web_domain,
            android_app_hash: asked.android_app_hash,
            ..Wording::default()
        },
        template: asked.template,
        code_length: asked.code_length,
    };
    let preview = gateway.verify().preview(asked);
    match preview.map_err(|trouble| Problem::of(trouble, gateway.now()))? {
        Ok(preview) => Ok(HttpResponse::Ok().json(PreviewBody::of(preview))),
        Err(detail) => Err(Fault::invalid(vec![FieldFault {
            pointer: "/template".to_owned(),
            detail,
        }])
        .into()),
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
