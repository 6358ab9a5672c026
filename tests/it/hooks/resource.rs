//! `/v1/integrations`: create, list, change, rotate, delete.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Hook, admin};
use crate::on_both_engines;
use crate::projects::{instance, patch, project};
use crate::stage::{Stage, word};

on_both_engines!(
    an_integration_is_created_changed_and_deleted,
    a_secret_is_shown_once_and_again_to_the_same_request,
    what_does_not_fit_is_refused_by_field,
    a_key_sees_the_integrations_of_its_projects,
);

async fn an_integration_is_created_changed_and_deleted(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let body = json!({
        "kind": "generic", "name": "Keycloak", "preset": "keycloak", "auth": "header", "default_country": "UZ", "ttl": 300,
        "fields": { "phone": "/user/mobile" }, "methods": ["POST", "GET"], "sms_text": "template",
    });
    let made = admin.post("/v1/integrations", body).await.expect(201);
    let id = word(&made["id"]);
    assert_eq!(
        word(&made["url"]),
        format!("https://verify.example/hooks/generic/{id}")
    );
    assert!(word(&made["secret"]).starts_with("hook_"));
    for (field, value) in [
        ("project", json!("default")),
        ("preset", json!("keycloak")),
        ("auth", json!("header")),
        ("auth_name", json!("X-Api-Key")),
        ("default_country", json!("UZ")),
        ("ttl", json!(300)),
        ("fields", json!({ "phone": "/user/mobile" })),
        ("methods", json!(["POST", "GET"])),
        ("sms_text", json!("template")),
        ("has_secret", json!(true)),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    let path = format!("/v1/integrations/{id}");
    let mut without = made.clone();
    without.as_object_mut().unwrap().remove("secret");
    let list = admin.get("/v1/integrations").await.expect(200);
    assert_eq!(list["items"], json!([without]));
    let mut found = admin.get(&path).await.expect(200);
    assert_eq!(found["last_calls"], json!([]));
    found.as_object_mut().unwrap().remove("last_calls");
    assert_eq!(found, without);

    let change = json!({ "name": "Casdoor", "preset": "casdoor", "auth": "query", "auth_name": "key", "ttl": null, "fields": null, "methods": ["POST"] });
    let changed = patch(&admin, &path, change).await.expect(200);
    for (field, value) in [
        ("name", json!("Casdoor")),
        ("preset", json!("casdoor")),
        ("auth", json!("query")),
        ("auth_name", json!("key")),
        ("default_country", json!("UZ")),
        ("ttl", Value::Null),
        ("fields", json!({})),
        ("methods", json!(["POST"])),
        ("sms_text", json!("template")),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    let all = json!({ "preset": null, "auth": null, "auth_name": null, "default_country": null, "methods": null, "sms_text": null });
    let cleared = patch(&admin, &path, all).await.expect(200);
    assert_eq!(
        [
            &cleared["preset"],
            &cleared["default_country"],
            &cleared["auth_name"]
        ],
        [&Value::Null; 3]
    );
    assert_eq!(
        (word(&cleared["auth"]), word(&cleared["sms_text"])),
        ("bearer", "host")
    );

    let delete = || admin.request(Method::DELETE, &path);
    assert_eq!(admin.send(delete()).await.status, 204);
    admin.send(delete()).await.problem(404, "not_found");
    admin.get(&path).await.problem(404, "not_found");
    let hook = Hook::of(&app, made);
    let call = json!({ "receiver": stage.number(), "message": "561166" });
    hook.post(&call).await.problem(404, "not_found");
}

async fn a_secret_is_shown_once_and_again_to_the_same_request(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    let body = json!({ "kind": "supabase", "name": "Supabase" });
    let create = || admin.post_once("/v1/integrations", "k1", body.clone());
    let made = create().await.expect(201);
    assert!(word(&made["secret"]).starts_with("v1,whsec_"));
    assert_eq!(create().await.expect(201), made);
    let list = admin.get("/v1/integrations").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);

    let path = format!("/v1/integrations/{}/rotate", word(&made["id"]));
    let rotated = admin.post_once(&path, "k2", json!({})).await.expect(200);
    assert_ne!(rotated["secret"], made["secret"]);
    assert!(rotated["previous_secret_expires_at"].is_string());
    let again = admin.post_once(&path, "k2", json!({})).await.expect(200);
    assert_eq!(again, rotated);

    // Where the host makes it, it must be given.
    let zitadel = json!({ "kind": "zitadel", "name": "ZITADEL" });
    let zitadel = admin.post("/v1/integrations", zitadel).await.expect(201);
    assert_eq!(
        (&zitadel["secret"], &zitadel["has_secret"]),
        (&Value::Null, &json!(false))
    );
    let path = format!("/v1/integrations/{}/rotate", word(&zitadel["id"]));
    let refused = admin.post(&path, json!({})).await;
    refused.problem(400, "invalid_request");
    assert!(refused.text.contains("/secret"), "{}", refused.text);
    let given = json!({ "secret": "s3cretSigningKey" });
    let rotated = admin.post(&path, given).await.expect(200);
    assert_eq!(rotated["has_secret"], true);
}

async fn what_does_not_fit_is_refused_by_field(stage: Stage) {
    let app = stage.app().await;
    let admin = admin(&app).await;
    for (more, pointer) in [
        (json!({ "kind": "okta" }), "/kind"),
        (json!({ "kind": "supabase", "preset": "logto" }), "/preset"),
        (json!({ "kind": "supabase", "auth": "basic" }), "/auth"),
        (
            json!({ "kind": "zitadel", "fields": { "phone": "to" } }),
            "/fields",
        ),
        (json!({ "kind": "zitadel", "methods": ["GET"] }), "/methods"),
        (json!({ "kind": "supabase", "secret": "whsec" }), "/secret"),
        (json!({ "kind": "zitadel", "secret": "short" }), "/secret"),
        (
            json!({ "kind": "generic", "secret": "too short" }),
            "/secret",
        ),
        (json!({ "kind": "generic", "preset": "okta" }), "/preset"),
        (json!({ "kind": "generic", "auth": "none" }), "/auth"),
        (
            json!({ "kind": "generic", "auth": "bearer", "auth_name": "X" }),
            "/auth_name",
        ),
        (
            json!({ "kind": "generic", "auth": "header", "auth_name": "a b" }),
            "/auth_name",
        ),
        (
            json!({ "kind": "generic", "default_country": "XX" }),
            "/default_country",
        ),
        (json!({ "kind": "generic", "ttl": 5 }), "/ttl"),
        (
            json!({ "kind": "generic", "fields": { "mobile": "to" } }),
            "/fields/mobile",
        ),
        (json!({ "kind": "generic", "fields": [] }), "/fields"),
        (json!({ "kind": "generic", "methods": ["PUT"] }), "/methods"),
        (json!({ "kind": "generic", "methods": [] }), "/methods"),
        (json!({ "kind": "generic", "sms_text": "own" }), "/sms_text"),
        (json!({ "kind": "generic", "colour": "red" }), "/colour"),
        (json!({ "kind": "generic", "name": "" }), "/name"),
    ] {
        let mut body = json!({ "name": "x" });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let refused = admin.post("/v1/integrations", body).await;
        refused.problem(400, "invalid_request");
        assert!(
            refused.text.contains(pointer),
            "{pointer}: {}",
            refused.text
        );
    }
    let made = json!({ "kind": "generic", "name": "x" });
    let made = admin.post("/v1/integrations", made).await.expect(201);
    let path = format!("/v1/integrations/{}", word(&made["id"]));
    for (change, pointer) in [
        (json!({ "kind": "zitadel" }), "/kind"),
        (json!({ "secret": "short" }), "/secret"),
        (json!({ "auth_name": "X-Key" }), "/auth_name"),
    ] {
        let refused = patch(&admin, &path, change).await;
        refused.problem(400, "invalid_request");
        assert!(
            refused.text.contains(pointer),
            "{pointer}: {}",
            refused.text
        );
        assert!(!refused.text.contains("short"), "{}", refused.text);
    }
}

async fn a_key_sees_the_integrations_of_its_projects(stage: Stage) {
    let app = stage.app().await;
    let own = admin(&app).await;
    let body = json!({ "kind": "generic", "name": "x" });
    let made = own.post("/v1/integrations", body.clone()).await.expect(201);
    let path = format!("/v1/integrations/{}", word(&made["id"]));
    let all = instance(&app).await;
    all.get(&path).await.expect(200);

    let website = project(&app, "shop", json!({})).await;
    website.get(&path).await.problem(403, "forbidden");
    let theirs = app.with_key(&stage.new_key(Some("shop"), "admin").await);
    theirs.get(&path).await.problem(404, "not_found");
    patch(&theirs, &path, json!({ "name": "y" }))
        .await
        .problem(404, "not_found");
    theirs
        .post(&format!("{path}/rotate"), json!({}))
        .await
        .problem(404, "not_found");
    let list = theirs.get("/v1/integrations").await.expect(200);
    assert_eq!(list["items"], json!([]));
    let mut elsewhere = body;
    elsewhere["project"] = json!("default");
    let refused = theirs.post("/v1/integrations", elsewhere).await;
    assert!(matches!(refused.status, 400 | 403), "{}", refused.text);
}
