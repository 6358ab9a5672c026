//! What runs the service rather than uses it: health, metrics, public keys, documentation.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::openapi::sets;
use super::problem::Problem;
use super::verifications::rfc3339;
use super::{Options, openapi as api};
use crate::gateway::Gateway;

/// Renders what was counted.
#[derive(Clone)]
pub struct Metrics(pub PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(…)")
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Live)]
pub struct LiveBody {
    #[schema(value_type = sets::LiveStatus)]
    status: &'static str,
}

/// Whether the service can do its work, and what limps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ready)]
pub struct ReadyBody {
    #[schema(value_type = sets::ReadyStatus)]
    status: &'static str,
    #[schema(value_type = sets::DatabaseEngine)]
    database: &'static str,
    #[schema(value_type = sets::RedisState)]
    redis: &'static str,
    /// Everything is simulated: no message leaves, and nothing is paid for.
    sandbox: bool,
    /// Providers that are left alone for a while.
    paused: Vec<PausedBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Paused)]
pub struct PausedBody {
    provider: String,
    #[schema(value_type = String, format = DateTime)]
    until: String,
}

/// A JSON Web Key Set (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeySet)]
pub struct KeySetBody {
    keys: Vec<KeyBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublicKey)]
pub struct KeyBody {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    kid: String,
    x: String,
}

/// Whether the process runs
#[utoipa::path(get, operation_id = "getLiveness", path = "/livez", tag = "Service", responses((status = 200, description = "It does", body = LiveBody)))]
pub async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(LiveBody { status: "ok" })
}

/// Whether requests can be served
#[utoipa::path(
    get, operation_id = "getReadiness", path = "/readyz", tag = "Service",
    responses(
        (status = 200, description = "They can", body = ReadyBody),
    )
)]
pub async fn readyz(
    gateway: web::Data<Gateway>,
    options: web::Data<Options>,
) -> Result<HttpResponse, Problem> {
    gateway
        .is_ready()
        .await
        .map_err(|_| Problem::unavailable())?;
    let degraded = gateway.is_degraded().await;
    let paused = gateway.pauses().into_iter();
    Ok(HttpResponse::Ok().json(ReadyBody {
        status: if degraded { "degraded" } else { "ok" },
        database: gateway.engine_name(),
        redis: match (gateway.has_redis(), degraded) {
            (false, _) => "none",
            (true, false) => "ok",
            (true, true) => "away",
        },
        sandbox: options.sandbox,
        paused: paused
            .map(|p| PausedBody {
                provider: p.provider,
                until: rfc3339(p.until),
            })
            .collect(),
    }))
}

/// Figures for Prometheus
#[utoipa::path(
    get, operation_id = "getMetrics", path = "/metrics", tag = "Service",
    responses((status = 200, description = "Text exposition format; with `metrics_listen` on its own port", body = String, content_type = "text/plain"))
)]
pub async fn metrics(options: web::Data<Options>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(options.metrics.0.render())
}

/// The keys that proofs are verified with
#[utoipa::path(get, operation_id = "getKeySet", path = "/.well-known/jwks.json", tag = "Service", responses((status = 200, description = "The key set", body = KeySetBody, headers(("cache-control" = String, description = "For how long it may be kept")))),)]
pub async fn jwks(gateway: web::Data<Gateway>) -> HttpResponse {
    let key = |key: crate::gateway::PublicKey| KeyBody {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        purpose: "sig",
        kid: key.kid,
        x: key.x,
    };
    let keys = gateway.public_keys().into_iter().map(key).collect();
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .json(KeySetBody { keys })
}

/// This document
#[utoipa::path(get, operation_id = "getOpenapi", path = "/openapi.json", tag = "Service", responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub async fn openapi(options: web::Data<Options>) -> HttpResponse {
    static LIVE: LazyLock<String> = LazyLock::new(api::document);
    static SANDBOX: LazyLock<String> = LazyLock::new(api::sandbox_document);
    let text = if options.sandbox { &SANDBOX } else { &LIVE };
    HttpResponse::Ok()
        .content_type("application/json")
        .body(text.as_str())
}

pub async fn docs() -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

pub async fn root() -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

/// Swagger UI from the binary; it asks nobody else for anything.
pub fn swagger() -> SwaggerUi {
    SwaggerUi::new("/docs/{_:.*}").config(
        Config::from("/openapi.json")
            .validator_url("none")
            .use_base_layout()
            .persist_authorization(true)
            .try_it_out_enabled(true),
    )
}
