//! API keys, and the rights of a project's administrator.

use serde_json::{Value, json};

use super::{instance, patch, project};
use crate::on_both_engines;
use crate::stage::{Stage, word};

on_both_engines!(
    a_project_administrator_acts_only_on_its_project,
    keys_expire_are_revoked_at_once_and_show_when_they_were_used,
    bad_keys_are_refused_with_the_field,
    a_repeated_request_makes_one_key,
    lists_of_projects_and_keys_come_in_pages,
);

async fn a_project_administrator_acts_only_on_its_project(stage: Stage) {
    let app = stage.app().await;
    project(&app, "shop", json!({})).await;
    let own = app.with_key(&stage.new_key(Some("shop"), "admin").await);
    own.post("/v1/projects", json!({ "name": "more" }))
        .await
        .problem(403, "forbidden");
    own.get("/v1/projects/default")
        .await
        .problem(404, "not_found");
    patch(
        &own,
        "/v1/projects/default",
        json!({ "policy": { "ttl": "5m" } }),
    )
    .await
    .problem(404, "not_found");
    patch(
        &own,
        "/v1/projects/shop",
        json!({ "policy": { "ttl": "5m" } }),
    )
    .await
    .expect(200);
    let listed = own.get("/v1/projects").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    own.post("/v1/keys", json!({ "project": "*", "scopes": ["verify"] }))
        .await
        .problem(403, "forbidden");
    own.post(
        "/v1/keys",
        json!({ "project": "default", "scopes": ["verify"] }),
    )
    .await
    .problem(403, "forbidden");
    let keys = own.get("/v1/keys").await.expect(200);
    assert!(
        keys["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["project"] == "shop"),
        "{keys}"
    );
    let foreign = stage.keep_key(None, "verify", "pin_of_the_instance").await;
    own.send(own.request(reqwest::Method::DELETE, &format!("/v1/keys/{foreign}")))
        .await
        .problem(404, "not_found");
    // A website's key has no access.
    let site = app.with_key(&stage.new_key(Some("shop"), "verify").await);
    site.get("/v1/projects").await.problem(403, "forbidden");
    site.get("/v1/keys").await.problem(403, "forbidden");
}

async fn keys_expire_are_revoked_at_once_and_show_when_they_were_used(stage: Stage) {
    let app = stage.app().await;
    let admin = instance(&app).await;
    let made = admin.post("/v1/keys", json!({ "project": "default", "scopes": ["verify", "verify", "finance"], "expires_in": 60 })).await.expect(201);
    assert_eq!(
        (&made["scopes"], &made["last_used_at"]),
        (&json!(["verify", "finance"]), &Value::Null)
    );
    let site = app.with_key(word(&made["key"]));
    site.started().await;
    app.gateway.sweep().await.unwrap();
    let seen = async |id: &Value| {
        let page = admin.get("/v1/keys").await.expect(200);
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|key| key["id"] == *id)
            .cloned()
            .unwrap()
    };
    let now = stage.clock.now();
    let minute = now - chrono::TimeDelta::seconds(now.timestamp() % 60);
    assert_eq!(
        seen(&made["id"]).await["last_used_at"],
        json!(minute.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    );
    assert_eq!(seen(&made["id"]).await["key"], Value::Null);
    stage.advance(60);
    site.get("/v1/verifications")
        .await
        .problem(401, "unauthorized");

    let made = admin
        .post(
            "/v1/keys",
            json!({ "name": "Till 7", "scopes": ["verify"] }),
        )
        .await
        .expect(201);
    assert_eq!(
        (&made["name"], &made["project"], &made["expires_at"]),
        (&json!("Till 7"), &json!("default"), &Value::Null)
    );
    let site = app.with_key(word(&made["key"]));
    site.started().await;
    let delete = || {
        admin.request(
            reqwest::Method::DELETE,
            &format!("/v1/keys/{}", word(&made["id"])),
        )
    };
    admin.send(delete()).await.expect(204);
    site.get("/v1/verifications")
        .await
        .problem(401, "unauthorized");
    // A revoked key stays listed.
    admin.send(delete()).await.expect(204);
    assert!(seen(&made["id"]).await["revoked_at"].is_string());
    let whole = admin
        .post("/v1/keys", json!({ "project": "*", "scopes": ["finance"] }))
        .await
        .expect(201);
    assert_eq!(whole["project"], "*");
    app.with_key(word(&whole["key"]))
        .get("/v1/ledger?project=default")
        .await
        .expect(200);
}

async fn bad_keys_are_refused_with_the_field(stage: Stage) {
    let app = stage.app().await;
    let admin = instance(&app).await;
    for (body, pointer) in [
        (json!({}), "/scopes"),
        (json!({ "scopes": [] }), "/scopes"),
        (json!({ "scopes": ["verify"], "name": " " }), "/name"),
        (json!({ "scopes": ["verify"], "name": "a\nb" }), "/name"),
        (
            json!({ "scopes": ["verify"], "name": "a".repeat(101) }),
            "/name",
        ),
        (json!({ "scopes": ["root"] }), "/scopes"),
        (json!({ "scopes": "verify" }), "/scopes"),
        (
            json!({ "scopes": ["verify"], "expires_in": 0 }),
            "/expires_in",
        ),
        (
            json!({ "scopes": ["verify"], "project": "nowhere" }),
            "/project",
        ),
        (json!({ "scopes": ["verify"], "key": "mine" }), "/key"),
    ] {
        let reply = admin.post("/v1/keys", body).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), [pointer], "{}", reply.text);
    }
    for id in ["x", "01a20297-4dc0-7000-8c11-5d0e6f1a2b3c"] {
        admin
            .send(admin.request(reqwest::Method::DELETE, &format!("/v1/keys/{id}")))
            .await
            .problem(404, "not_found");
    }
}

async fn a_repeated_request_makes_one_key(stage: Stage) {
    let app = stage.app().await;
    let admin = instance(&app).await;
    let body = json!({ "scopes": ["verify"] });
    let first = admin
        .post_once("/v1/keys", "one", body.clone())
        .await
        .expect(201);
    assert_eq!(
        admin.post_once("/v1/keys", "one", body).await.expect(201),
        first
    );
    let body = json!({ "name": "shop" });
    let first = admin
        .post_once("/v1/projects", "two", body.clone())
        .await
        .expect(201);
    assert_eq!(
        admin
            .post_once("/v1/projects", "two", body)
            .await
            .expect(201),
        first
    );
}

async fn lists_of_projects_and_keys_come_in_pages(stage: Stage) {
    let app = stage.app().await;
    let admin = instance(&app).await;
    for name in ["b", "a", "c"] {
        stage.advance(1);
        admin
            .post("/v1/projects", json!({ "name": name }))
            .await
            .expect(201);
        admin
            .post("/v1/keys", json!({ "project": name, "scopes": ["verify"] }))
            .await
            .expect(201);
    }
    let all = async |path: &str, field: &str| {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = admin
                .get(&format!("{path}?limit=2{cursor}"))
                .await
                .expect(200);
            found.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| word(&item[field]).to_owned()),
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    };
    assert_eq!(
        all("/v1/projects", "name").await,
        ["a", "b", "c", "default"]
    );
    assert_eq!(all("/v1/keys", "project").await[..3], ["c", "a", "b"]);
    assert_eq!(admin.get("/v1/keys?cursor=x").await.pointers(), ["/cursor"]);
    assert_eq!(
        admin.get("/v1/projects?cursor=X!&more=1").await.pointers(),
        ["/cursor", "/more"]
    );
}
