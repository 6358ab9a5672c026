//! Projects and their policies: scope, effective time and validation.

use serde_json::{Value, json};

use super::{instance, patch, project};
use crate::on_both_engines;
use crate::on_postgres;
use crate::stage::{Stage, word};

on_both_engines!(
    a_policy_applies_at_once_to_new_verifications_of_its_project_only,
    settings_not_overridden_follow_the_defaults_of_each_start,
    an_empty_value_is_refused_where_the_policy_has_one,
    a_patch_with_null_restores_the_default,
    bad_policies_name_every_fault_and_save_nothing,
    a_name_is_unique_and_validated,
    countries_and_limits_are_per_project,
);
on_postgres!(a_policy_changed_on_one_replica_applies_on_the_other);

/// A policy, the pointer to its fault, and the expected message.
fn bad_policies() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({ "route": [] }), "/policy/route", "at least one"),
        (
            json!({ "route": [{ "channel": "pigeon", "wait": "5s" }] }),
            "/policy/route/0/channel",
            "there are telegram",
        ),
        (
            json!({ "route": [{ "channel": "sms", "wait": "500ms" }] }),
            "/policy/route/0/wait",
            "1s",
        ),
        (
            json!({ "route": [{ "channel": "sms" }] }),
            "/policy/route/0/wait",
            "is missing",
        ),
        (
            json!({ "code_length": 9 }),
            "/policy/code_length",
            "from 4 to 8",
        ),
        (
            json!({ "code_length": "6" }),
            "/policy/code_length",
            "without quotes",
        ),
        (json!({ "ttl": 600 }), "/policy/ttl", "30s"),
        (
            json!({ "countries": { "deny": ["Uzbekistan"] } }),
            "/policy/countries/deny/0",
            "Uzbekistan",
        ),
        (
            json!({ "limits": { "creates": ["many"] } }),
            "/policy/limits/creates/0",
            "5/10m",
        ),
        (
            json!({ "max_segments": 0 }),
            "/policy/max_segments",
            "from 1 to 10",
        ),
        (
            json!({ "templates": { "ru": "Ваш код" } }),
            "/policy/templates/ru",
            "lacks {code}",
        ),
        (
            json!({ "templates": { "ru": "{name}: {code}" } }),
            "/policy/templates/ru",
            "the placeholders are {code}, {minutes} and {brand}",
        ),
        (
            json!({ "templates": { "ru": format!("{{code}}{}", "я".repeat(70)) } }),
            "/policy/templates/ru",
            "max_segments is 1",
        ),
        (
            json!({ "templates": { "russian!": "{code}" } }),
            "/policy/templates/russian!",
            "by its tag",
        ),
        (json!({ "colour": "red" }), "/policy/colour", "unknown key"),
    ]
}

async fn a_policy_applies_at_once_to_new_verifications_of_its_project_only(stage: Stage) {
    let app = stage.app().await;
    let shop = project(
        &app,
        "shop",
        json!({ "code_length": 4, "ttl": "5m", "max_checks": 2 }),
    )
    .await;
    let v = shop.started().await;
    assert_eq!(
        (app.telegram_code().len(), &v["checks_left"]),
        (4, &json!(2))
    );
    let span = |v: &Value| {
        let at = |name: &str| {
            word(&v[name])
                .parse::<chrono::DateTime<chrono::Utc>>()
                .unwrap()
        };
        (at("expires_at") - at("created_at")).num_seconds()
    };
    assert_eq!(span(&v), 300);
    let other = app.started().await;
    assert_eq!((app.telegram_code().len(), span(&other)), (6, 600));

    let admin = instance(&app).await;
    let changed = patch(
        &admin,
        "/v1/projects/shop",
        json!({ "policy": { "max_checks": 3, "route": [{ "channel": "sms", "wait": "60s" }] } }),
    )
    .await
    .expect(200);
    assert_eq!(
        changed["policy"],
        json!({ "code_length": 4, "ttl": "5m", "max_checks": 3, "route": [{ "channel": "sms", "wait": "60s" }] })
    );
    assert_eq!(
        (
            &changed["effective"]["max_sends"],
            &changed["effective"]["max_checks"]
        ),
        (&json!(5), &json!(3))
    );
    let new = shop.started().await;
    assert_eq!(
        (&new["channel"], &new["checks_left"]),
        (&json!("sms"), &json!(3))
    );
    // A started verification keeps its policy.
    assert_eq!(shop.find(&v["id"]).await["checks_left"], 2);
    assert_eq!(
        shop.resend(&v["id"], json!({})).await.status,
        429,
        "the cool-down still counts"
    );
}

async fn an_empty_value_is_refused_where_the_policy_has_one(stage: Stage) {
    let app = stage.app().await;
    project(&app, "shop", json!({ "max_checks": 3 })).await;
    let admin = instance(&app).await;
    for (policy, pointer) in [
        (json!({ "max_checks": {} }), "/policy/max_checks"),
        (json!({ "max_segments": {} }), "/policy/max_segments"),
        (json!({ "max_checks": { "x": null } }), "/policy/max_checks"),
        (json!({ "route": {} }), "/policy/route"),
        (
            json!({ "limits": { "per_number": {} } }),
            "/policy/limits/per_number",
        ),
        (
            json!({ "limits": { "per_number": [] } }),
            "/policy/limits/per_number",
        ),
        (
            json!({ "limits": { "creates": [] } }),
            "/policy/limits/creates",
        ),
        (
            json!({ "countries": { "deny": {} } }),
            "/policy/countries/deny",
        ),
        (json!({ "templates": { "ru": {} } }), "/policy/templates/ru"),
    ] {
        let refused = patch(&admin, "/v1/projects/shop", json!({ "policy": policy })).await;
        let problem = refused.problem(400, "invalid_request");
        assert_eq!(refused.pointers(), [pointer], "{problem}");
    }
    for nothing in [
        json!({}),
        json!({ "limits": {} }),
        json!({ "templates": {} }),
    ] {
        let body = json!({ "policy": nothing });
        let same = patch(&admin, "/v1/projects/shop", body).await.expect(200);
        assert_eq!(same["policy"], json!({ "max_checks": 3 }));
    }
    let body = json!({ "policy": { "max_checks": null } });
    let reset = patch(&admin, "/v1/projects/shop", body).await.expect(200);
    assert_eq!(reset["policy"], json!({}));
}

async fn settings_not_overridden_follow_the_defaults_of_each_start(stage: Stage) {
    let app = stage.app().await;
    project(&app, "shop", json!({ "code_length": 4 })).await;
    stage.kill(app).await;
    let app = stage
        .app_with(&[
            ("DEFAULTS__MAX_CHECKS", "7"),
            ("DEFAULTS__CODE_LENGTH", "8"),
        ])
        .await;
    let shop = app.with_key(&stage.new_key(Some("shop"), "verify").await);
    let v = shop.started().await;
    assert_eq!(
        (app.telegram_code().len(), &v["checks_left"]),
        (4, &json!(7))
    );
}

async fn a_patch_with_null_restores_the_default(stage: Stage) {
    let app = stage.app().await;
    project(
        &app,
        "shop",
        json!({ "code_length": 4, "templates": { "ru": "А {code}", "en": "B {code}" } }),
    )
    .await;
    let admin = instance(&app).await;
    let body = json!({ "policy": { "code_length": null, "templates": { "ru": null } } });
    let changed = patch(&admin, "/v1/projects/shop", body).await.expect(200);
    assert_eq!(
        changed["policy"],
        json!({ "templates": { "en": "B {code}" } })
    );
    assert_eq!(changed["effective"]["code_length"], 6);
    assert_eq!(admin.get("/v1/projects/shop").await.expect(200), changed);
}

async fn bad_policies_name_every_fault_and_save_nothing(stage: Stage) {
    let app = stage.app().await;
    let admin = instance(&app).await;
    for (policy, pointer, said) in bad_policies() {
        let reply = admin
            .post("/v1/projects", json!({ "name": "shop", "policy": policy }))
            .await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), [pointer], "{}", reply.text);
        assert!(reply.text.contains(said), "{said} in {}", reply.text);
    }
    let reply = admin
        .post(
            "/v1/projects",
            json!({ "name": "shop", "policy": { "ttl": "1s", "code_length": 1, "x": 1 } }),
        )
        .await;
    assert_eq!(
        reply.pointers(),
        ["/policy/code_length", "/policy/ttl", "/policy/x"]
    );
    admin
        .get("/v1/projects/shop")
        .await
        .problem(404, "not_found");
    admin
        .post("/v1/projects", json!({ "name": "shop" }))
        .await
        .expect(201);
    let reply = patch(
        &admin,
        "/v1/projects/shop",
        json!({ "policy": { "ttl": "9m", "max_checks": 0 } }),
    )
    .await;
    assert_eq!(reply.pointers(), ["/policy/max_checks"]);
    assert_eq!(
        admin.get("/v1/projects/shop").await.expect(200)["policy"],
        json!({})
    );
    patch(&admin, "/v1/projects/shop", json!({}))
        .await
        .problem(400, "invalid_request");
    patch(&admin, "/v1/projects/shop", json!({ "policy": 7 }))
        .await
        .problem(400, "invalid_request");
}

async fn a_name_is_unique_and_validated(stage: Stage) {
    let app = stage.app().await;
    let admin = instance(&app).await;
    admin
        .post("/v1/projects", json!({ "name": "shop" }))
        .await
        .expect(201);
    for (name, said) in [
        ("shop", "exists already"),
        ("Shop", "lowercase letters"),
        ("", "1 to 64"),
        ("-x", "beginning with"),
        ("a/b", "lowercase letters"),
    ] {
        let reply = admin.post("/v1/projects", json!({ "name": name })).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), ["/name"]);
        assert!(reply.text.contains(said), "{}", reply.text);
    }
    assert_eq!(
        admin.post("/v1/projects", json!({})).await.pointers(),
        ["/name"]
    );
}

async fn countries_and_limits_are_per_project(stage: Stage) {
    let app = stage.app().await;
    let shop = project(
        &app,
        "shop",
        json!({ "countries": { "deny": ["UZ"] }, "limits": { "creates": ["1/1h"] } }),
    )
    .await;
    shop.start(json!({ "phone_number": stage.number() }))
        .await
        .problem(403, "country_blocked");
    shop.start(json!({ "phone_number": "+77011234567" }))
        .await
        .expect(201);
    shop.start(json!({ "phone_number": "+77011234568" }))
        .await
        .problem(429, "rate_limited");
    app.started().await;
    app.started().await;
}

async fn a_policy_changed_on_one_replica_applies_on_the_other(stage: Stage) {
    let (one, two) = (stage.app().await, stage.app().await);
    let shop = project(&one, "shop", json!({})).await;
    patch(
        &instance(&one).await,
        "/v1/projects/shop",
        json!({ "policy": { "code_length": 8 } }),
    )
    .await
    .expect(200);
    // The background job does this twice a second.
    two.gateway.refresh().await;
    two.with_key(&shop.key).started().await;
    assert_eq!(two.telegram_code().len(), 8);
}
