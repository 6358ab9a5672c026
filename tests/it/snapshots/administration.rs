//! An administrator's answers: projects, keys, webhooks, previews, and information about the service.

use reqwest::Method;
use serde_json::json;

use super::Transcript;
use crate::on_both_engines;
use crate::stage::{Stage, word};
use crate::webhooks::{OPEN, admin, receiver};
use crate::world::error;

on_both_engines!(
    answers_about_projects_and_keys_keep_their_shape,
    answers_about_webhooks_keep_their_shape,
    the_services_own_answers_keep_their_shape,
);

async fn answers_about_projects_and_keys_keep_their_shape(stage: Stage) {
    let app = stage.app().await;
    // Lists are ordered by creation time, so each item is created in its own second.
    stage.advance(1);
    let all = app.with_key(&stage.new_key(None, "admin").await);
    let mut said = Transcript::new(&stage);
    stage.advance(1);
    let policy = json!({ "code_length": 4, "templates": { "en": "Shop: your code is {code}" } });
    let body = json!({ "name": "shop", "policy": policy });
    let reply = all.post("/v1/projects", body).await;
    said.answer("POST /v1/projects", &reply, 201);
    let request = all.request(Method::PATCH, "/v1/projects/shop");
    let body = json!({ "policy": { "code_length": null, "max_checks": 3 } });
    let reply = all.send(request.json(&body)).await;
    said.answer("PATCH /v1/projects/shop", &reply, 200);
    let reply = all.get("/v1/projects/shop").await;
    said.answer("GET /v1/projects/shop", &reply, 200);
    let reply = all.get("/v1/projects?limit=1").await;
    said.answer("GET /v1/projects?limit=1", &reply, 200);

    stage.advance(1);
    let body = json!({ "project": "shop", "scopes": ["verify"], "expires_in": 3_600 });
    let key = said.answer("POST /v1/keys", &all.post("/v1/keys", body).await, 201);
    let site = app.with_key(word(&key["key"]));
    stage.advance(60);
    let body = json!({ "phone_number": "+998901234567", "web_domain": "shop.example" });
    let reply = site.post("/v1/messages/preview", body).await;
    said.answer("POST /v1/messages/preview", &reply, 200);
    let reply = all.get("/v1/keys").await;
    said.answer("GET /v1/keys", &reply, 200);
    let path = format!("/v1/keys/{}", word(&key["id"]));
    let reply = all.send(all.request(Method::DELETE, &path)).await;
    said.answer(&format!("DELETE {path}"), &reply, 204);
    said.finish("projects_and_keys");
}

async fn answers_about_webhooks_keep_their_shape(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    let mut said = Transcript::new(&stage);
    let body = json!({ "url": format!("http://{}/hooks", receiver.address),
                       "events": ["verification.created"], "description": "shop" });
    let reply = admin.post("/v1/webhooks", body).await;
    let webhook = said.answer("POST /v1/webhooks", &reply, 201);
    let path = format!("/v1/webhooks/{}", word(&webhook["id"]));
    let reply = admin.post(&format!("{path}/rotate"), json!({})).await;
    said.answer(&format!("POST {path}/rotate"), &reply, 200);
    said.answer(&format!("GET {path}"), &admin.get(&path).await, 200);
    let reply = admin.get("/v1/webhooks").await;
    said.answer("GET /v1/webhooks", &reply, 200);
    let reply = admin.post(&format!("{path}/test"), json!({})).await;
    said.answer(&format!("POST {path}/test"), &reply, 200);
    stage.advance(1);
    app.started().await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let deliveries = format!("{path}/deliveries");
    let reply = admin.get(&deliveries).await;
    let page = said.answer(&format!("GET {deliveries}"), &reply, 200);
    let again = format!("{deliveries}/{}/redeliver", word(&page["items"][0]["id"]));
    let reply = admin.post(&again, json!({})).await;
    said.answer(&format!("POST {again}"), &reply, 200);
    let reply = admin.send(admin.request(Method::DELETE, &path)).await;
    said.answer(&format!("DELETE {path}"), &reply, 204);
    said.finish("webhook_endpoints");
}

async fn the_services_own_answers_keep_their_shape(stage: Stage) {
    let app = stage.app().await;
    let mut said = Transcript::new(&stage);
    let open = |path: &str| app.send(app.open_request(Method::GET, path));
    said.answer("GET /livez", &open("/livez").await, 200);
    app.started().await;
    let report = stage.telegram.status("delivered");
    let reply = app.telegram_reports(&report).await;
    said.answer("POST /callbacks/telegram", &reply, 200);
    // A pause, so that one is listed.
    stage.telegram.next_sends([error("BALANCE_NOT_ENOUGH")]);
    app.started().await;
    // The engines necessarily differ here.
    let mut ready = open("/readyz").await;
    for field in ["database", "redis"] {
        ready.body[field] = json!(format!("<{field} of the engine>"));
    }
    said.answer("GET /readyz", &ready, 200);
    let reply = open("/.well-known/jwks.json").await;
    said.answer("GET /.well-known/jwks.json", &reply, 200);
    said.finish("service");
}
