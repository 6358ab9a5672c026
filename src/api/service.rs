//! The service itself: health, metrics, public keys, documentation.

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{self, ContentEncoding};
use actix_web::{HttpResponse, web};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_swagger_ui::Config;

use super::openapi::sets;
use super::problem::Problem;
use super::values::rfc3339;
use crate::gateway::Gateway;
use crate::web::Fault;

/// The OpenAPI document, generated when it is first asked for.
pub type Document = LazyLock<String, Box<dyn FnOnce() -> String + Send>>;

/// Whether everything is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox(pub bool);

/// Cancelled when the service begins to end.
#[derive(Clone, Debug)]
pub struct Draining(pub CancellationToken);

/// Renders the metrics of the process.
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

/// Whether the service can serve requests, and the state of its dependencies.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ready)]
pub struct ReadyBody {
    #[schema(value_type = sets::ReadyStatus)]
    status: &'static str,
    #[schema(value_type = sets::DatabaseEngine)]
    database: &'static str,
    #[schema(value_type = sets::RedisState)]
    redis: &'static str,
    /// Everything is simulated: no message is sent, and nothing is charged.
    sandbox: bool,
    /// Providers that are paused.
    paused: Vec<PausedBody>,
    /// Jobs that change a big table in chunks, while they have much to do. Requests are served meanwhile.
    jobs: Vec<JobBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Paused)]
pub struct PausedBody {
    provider: String,
    #[schema(value_type = String, format = DateTime)]
    until: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobBody {
    /// `past_verifications`: moves verifications that have been over for two days out of the table of current ones. `ages`: erases numbers and
    /// visitors that have passed their age.
    name: &'static str,
    /// Rows that this replica has changed.
    rows: u64,
    /// The job goes through the table from the oldest row on: the time of the one that it has come to.
    #[schema(value_type = String, format = DateTime)]
    reached: String,
    /// The time of the last one that it goes to.
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

/// Check liveness
#[utoipa::path(get, operation_id = "getLiveness", path = "/livez", tag = "Service", responses((status = 200, description = "The process is running", body = LiveBody)))]
pub async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(LiveBody { status: "ok" })
}

/// Check readiness
#[utoipa::path(
    get, operation_id = "getReadiness", path = "/readyz", tag = "Service",
    responses(
        (status = 200, description = "Requests can be served", body = ReadyBody),
    )
)]
pub async fn readyz(
    gateway: web::Data<Gateway>,
    sandbox: web::Data<Sandbox>,
    draining: web::Data<Draining>,
) -> Result<HttpResponse, Problem> {
    if draining.0.is_cancelled() || !gateway.is_ready().await {
        return Err(Problem::unavailable());
    }
    let degraded = gateway.is_degraded().await;
    let (paused, jobs) = (gateway.pauses().into_iter(), gateway.jobs().into_iter());
    Ok(HttpResponse::Ok().json(ReadyBody {
        status: if degraded { "degraded" } else { "ok" },
        database: gateway.engine_name(),
        redis: match (gateway.has_redis(), degraded) {
            (false, _) => "none",
            (true, false) => "ok",
            (true, true) => "away",
        },
        sandbox: sandbox.0,
        paused: paused
            .map(|p| PausedBody {
                provider: p.provider,
                until: rfc3339(p.until),
            })
            .collect(),
        jobs: jobs
            .map(|job| JobBody {
                name: job.job,
                rows: job.rows,
                reached: rfc3339(job.reached),
                until: rfc3339(job.until),
            })
            .collect(),
    }))
}

/// Get metrics for Prometheus
#[utoipa::path(
    get, operation_id = "getMetrics", path = "/metrics", tag = "Service",
    responses((status = 200, description = "Text exposition format; with `metrics_listen` on its own port", body = String, content_type = "text/plain"))
)]
pub async fn metrics(metrics: web::Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics.0.render())
}

/// Get the keys that verify proofs
#[utoipa::path(get, operation_id = "getKeySet", path = "/.well-known/jwks.json", tag = "Service", responses((status = 200, description = "The key set", body = KeySetBody, headers(("cache-control" = String, description = "How long it may be cached")))),)]
pub async fn jwks(gateway: web::Data<Gateway>) -> HttpResponse {
    let key = |key: crate::gateway::PublicKey| KeyBody {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        purpose: "sig",
        kid: key.kid,
        x: key.x,
    };
    let keys = gateway
        .verify()
        .public_keys()
        .into_iter()
        .map(key)
        .collect();
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .json(KeySetBody { keys })
}

/// Get this document
#[utoipa::path(get, operation_id = "getOpenapi", path = "/openapi.json", tag = "Service", responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub async fn openapi(document: web::Data<Document>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(document.as_str().to_owned())
}

/// `/` and `/docs`.
pub async fn to_docs() -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

/// Swagger UI from the binary; it loads nothing from elsewhere.
pub async fn docs(file: web::Path<String>) -> Result<HttpResponse, Problem> {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        let config = Config::from("/openapi.json")
            .validator_url("none")
            .use_base_layout()
            .persist_authorization(true)
            .try_it_out_enabled(true);
        Arc::new(config)
    });
    let found = utoipa_swagger_ui::serve(&file, Arc::clone(&CONFIG));
    let found = found.map_err(|error| {
        tracing::error!(%error, "cannot render the documentation");
        Problem::unavailable()
    })?;
    let file = found.ok_or_else(Fault::not_found)?;
    let mut answer = HttpResponse::Ok();
    if file.gzpipped {
        answer.insert_header(ContentEncoding::Gzip);
    }
    Ok(answer
        .content_type(file.content_type)
        .body(file.bytes.into_owned()))
}
