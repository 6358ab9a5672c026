//! What is shown of an integration.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::asked::FieldNamesBody;
use crate::api::openapi::sets;
use crate::api::page::page_of;
use crate::api::values::rfc3339;
use crate::gateway::{Call, Gateway, Integration};
use crate::integrations::{FieldNames, Kind, Method, Preset, SmsText};

/// An integration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Integration)]
pub struct IntegrationBody {
    id: Uuid,
    project: String,
    #[schema(value_type = sets::IntegrationKind)]
    kind: &'static str,
    name: String,
    /// The address that the other program calls.
    url: String,
    #[schema(value_type = Option<sets::IntegrationPreset>, required)]
    preset: Option<&'static str>,
    /// Of kind `generic`.
    #[schema(value_type = Option<sets::IntegrationAuth>, required)]
    auth: Option<&'static str>,
    #[schema(value_type = Option<String>, required)]
    auth_name: Option<String>,
    #[schema(value_type = Option<String>, required)]
    default_country: Option<String>,
    #[schema(value_type = Option<i64>, required)]
    ttl: Option<u64>,
    #[schema(value_type = FieldNamesBody)]
    fields: FieldNames,
    #[schema(value_type = Vec<sets::IntegrationMethod>)]
    methods: Vec<Method>,
    #[schema(value_type = sets::IntegrationText)]
    sms_text: SmsText,
    /// Texts without a code are sent too.
    allow_messages: bool,
    /// Without one, every call is refused: the other program has yet to make it.
    has_secret: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    /// Until then, the previous secret is good too.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    previous_secret_expires_at: Option<String>,
    /// Of kind `vonage_application`: what its JWTs name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    application_id: Option<Uuid>,
    /// Of kind `vonage_application`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    public_key: Option<String>,
    /// Of kind `vonage_application`: where its webhooks go.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    status_url: Option<String>,
    /// Of kind `vonage_application`, in place of `secret`: it signs the webhooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    signature_secret: Option<String>,
    /// Shown once, in the answer that created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    secret: Option<String>,
    /// The newest twenty, where one integration is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<CallBody>, required = false)]
    last_calls: Option<Vec<CallBody>>,
}

/// A request of the other program.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IntegrationCall)]
struct CallBody {
    #[schema(value_type = String, format = DateTime)]
    at: String,
    /// `sent`, `sent_again`, `repeated`, or why it was refused, in the words of a hook's answer.
    outcome: String,
    /// A remark for people.
    #[schema(value_type = Option<String>, required)]
    detail: Option<String>,
    #[schema(value_type = Option<Uuid>, required)]
    verification_id: Option<Uuid>,
}

page_of! {
    /// A page of integrations, oldest first.
    IntegrationsBody as IntegrationList: IntegrationBody
}

impl From<Call> for CallBody {
    fn from(call: Call) -> Self {
        Self {
            at: rfc3339(call.at),
            outcome: call.outcome,
            detail: Some(call.detail).filter(|detail| !detail.is_empty()),
            verification_id: call.verification,
        }
    }
}

impl IntegrationBody {
    pub fn of(gateway: &Gateway, integration: &Integration) -> Self {
        let settings = &integration.settings;
        let is_generic = integration.kind == Kind::Generic;
        let previous = integration.previous_at(gateway.now());
        let mut methods = vec![Method::Post];
        methods.extend(settings.admits_get().then_some(Method::Get));
        let kind = integration.kind.as_str();
        let application = settings.application.as_ref();
        let name = gateway.directory().project_name(integration.project);
        Self {
            id: integration.id,
            project: name.unwrap_or_default(),
            kind,
            name: integration.name.clone(),
            url: integration.url(gateway.public_url()),
            preset: settings.preset.map(Preset::as_str),
            auth: is_generic.then(|| settings.auth.kind.as_str()),
            auth_name: settings.auth.name().map(str::to_owned),
            default_country: settings
                .default_country
                .map(|country| country.as_str().to_owned()),
            ttl: settings.ttl.map(|ttl| ttl.as_secs()),
            fields: settings.fields.clone(),
            methods,
            sms_text: settings.sms_text,
            allow_messages: settings.allow_messages,
            has_secret: integration.secret.is_some(),
            created_at: rfc3339(integration.created_at),
            previous_secret_expires_at: previous.map(|(_, until)| rfc3339(*until)),
            application_id: application.map(|_| integration.id),
            public_key: application.map(|it| it.public_key.as_str().to_owned()),
            status_url: application.and_then(|it| it.status_url.clone()),
            signature_secret: None,
            secret: None,
            last_calls: None,
        }
    }

    pub fn with_secret(self, integration: &Integration) -> Self {
        let secret = integration.secret.clone();
        if integration.kind.is_hook() {
            Self { secret, ..self }
        } else {
            Self {
                signature_secret: secret,
                ..self
            }
        }
    }

    pub fn with_calls(self, calls: Vec<Call>) -> Self {
        Self {
            last_calls: Some(calls.into_iter().map(CallBody::from).collect()),
            ..self
        }
    }
}
