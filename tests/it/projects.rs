//! Projects: their policies, keys and message texts.

use serde_json::{Value, json};

use crate::on_both_engines;
use crate::on_postgres;
use crate::stage::{Client, Stage, TestApp, assert_fields, word};

on_both_engines!(
    a_policy_applies_at_once_to_new_verifications_of_its_project_only,
    fields_without_an_override_follow_the_defaults_of_each_start,
    a_patch_with_null_restores_the_default,
    invalid_policies_report_the_fields_and_save_nothing,
    project_names_are_unique_and_validated,
    a_projects_admin_key_acts_on_that_project_only,
    keys_expire_are_revoked_at_once_and_record_their_last_use,
    invalid_keys_are_refused_naming_the_field,
    a_repeated_request_creates_one_key,
    lists_of_projects_and_keys_are_paged,
    countries_and_limits_are_per_project,
    the_text_is_the_projects_own_in_the_visitors_language,
    a_verification_keeps_its_text_when_the_policy_changes,
    a_preview_shows_text_segments_and_cost_and_sends_nothing,
    invalid_previews_name_the_field,
);
on_postgres!(a_policy_changed_on_one_replica_applies_on_the_other);

async fn instance(app: &TestApp) -> Client {
    app.with_key(&app.stage.new_key(None, "admin").await)
}

/// Creates a project with this policy, and a `verify` key for it.
async fn project(app: &TestApp, name: &str, policy: Value) -> Client {
    let body = json!({ "name": name, "policy": policy });
    instance(app)
        .await
        .post("/v1/projects", body)
        .await
        .expect(201);
    app.with_key(&app.stage.new_key(Some(name), "verify").await)
}

async fn patch(client: &Client, path: &str, body: Value) -> crate::stage::Reply {
    client
        .send(client.request(reqwest::Method::PATCH, path).json(&body))
        .await
}

fn newest_sms(stage: &Stage) -> String {
    word(&stage.sms.sends().pop().expect("an SMS was sent")["text"]).to_owned()
}

/// Sends by SMS only and returns the message's text.
async fn sms_to(client: &Client, number: &str, more: Value) -> String {
    let mut body = json!({ "phone_number": number, "channels": ["sms"] });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    client.start(body).await.expect(201);
    newest_sms(&client.stage)
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
    // A verification already started keeps its rules.
    assert_eq!(shop.find(&v["id"]).await["checks_left"], 2);
    assert_eq!(
        shop.resend(&v["id"], json!({})).await.status,
        429,
        "the waiting time before a resend still applies"
    );
}

async fn fields_without_an_override_follow_the_defaults_of_each_start(stage: Stage) {
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

/// Invalid policies: the policy, the pointer to the error, and a part of its message.
fn bad_policies() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({ "route": [] }), "/policy/route", "at least one"),
        (
            json!({ "route": [{ "channel": "pigeon", "wait": "5s" }] }),
            "/policy/route/0/channel",
            "there are telegram and sms",
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
            "the placeholders are {code} and {minutes}",
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

async fn invalid_policies_report_the_fields_and_save_nothing(stage: Stage) {
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

async fn project_names_are_unique_and_validated(stage: Stage) {
    let app = stage.app().await;
    let admin = instance(&app).await;
    let made = admin
        .post("/v1/projects", json!({ "name": "shop" }))
        .await
        .expect(201);
    assert_fields(&made, &["id", "name", "policy", "effective", "created_at"]);
    for (name, said) in [
        ("shop", "exists already"),
        ("Shop", "small letters"),
        ("", "1 to 64"),
        ("-x", "beginning with"),
        ("a/b", "small letters"),
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

async fn a_projects_admin_key_acts_on_that_project_only(stage: Stage) {
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
    // A site's key is not allowed here.
    let site = app.with_key(&stage.new_key(Some("shop"), "verify").await);
    site.get("/v1/projects").await.problem(403, "forbidden");
    site.get("/v1/keys").await.problem(403, "forbidden");
}

async fn keys_expire_are_revoked_at_once_and_record_their_last_use(stage: Stage) {
    let app = stage.app().await;
    let admin = instance(&app).await;
    let made = admin.post("/v1/keys", json!({ "project": "default", "scopes": ["verify", "verify", "finance"], "expires_in": 60 })).await.expect(201);
    assert_fields(
        &made,
        &[
            "id",
            "project",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "key",
        ],
    );
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
        .post("/v1/keys", json!({ "scopes": ["verify"] }))
        .await
        .expect(201);
    assert_eq!(
        (&made["project"], &made["expires_at"]),
        (&json!("default"), &Value::Null)
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

async fn invalid_keys_are_refused_naming_the_field(stage: Stage) {
    let app = stage.app().await;
    let admin = instance(&app).await;
    for (body, pointer) in [
        (json!({}), "/scopes"),
        (json!({ "scopes": [] }), "/scopes"),
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

async fn a_repeated_request_creates_one_key(stage: Stage) {
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

async fn lists_of_projects_and_keys_are_paged(stage: Stage) {
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

async fn the_text_is_the_projects_own_in_the_visitors_language(stage: Stage) {
    let app = stage.app().await;
    let templates = json!({ "ru": "Магазин: {code}, {minutes} мин", "en": "Shop: {code}" });
    let shop = project(
        &app,
        "shop",
        json!({ "templates": templates, "code_length": 4 }),
    )
    .await;
    let has = |text: &str, before: &str, after: &str| {
        assert!(text.starts_with(before) && text.ends_with(after), "{text}");
    };
    has(
        &sms_to(&shop, &stage.number(), json!({ "locale": "ru-UZ" })).await,
        "Магазин: ",
        ", 10 мин",
    );
    has(
        &sms_to(
            &shop,
            &stage.number(),
            json!({ "locale": "ru", "ttl": 120 }),
        )
        .await,
        "Магазин: ",
        ", 2 мин",
    );
    has(
        &sms_to(&shop, &stage.number(), json!({})).await,
        "Kodingiz: ",
        "",
    );
    has(
        &sms_to(&shop, "+12015550123", json!({})).await,
        "Shop: ",
        "",
    );
    has(
        &sms_to(
            &shop,
            "+79161234567",
            json!({ "web_domain": "shop.example" }),
        )
        .await,
        "Магазин: ",
        "",
    );
    assert!(newest_sms(&stage).contains(" мин\n\n@shop.example #"));
    has(
        &sms_to(&app, &stage.number(), json!({ "locale": "de" })).await,
        "Ihr Code lautet ",
        "",
    );
}

async fn a_verification_keeps_its_text_when_the_policy_changes(stage: Stage) {
    let app = stage.app().await;
    let shop = project(
        &app,
        "shop",
        json!({ "templates": { "uz": "Do'kon: {code}" } }),
    )
    .await;
    let v = shop.started().await;
    let code = app.telegram_code();
    let admin = instance(&app).await;
    patch(
        &admin,
        "/v1/projects/shop",
        json!({ "policy": { "templates": { "uz": "Yangi: {code}" } } }),
    )
    .await
    .expect(200);
    stage.advance(30);
    shop.resend(&v["id"], json!({ "channel": "sms" }))
        .await
        .expect(200);
    app.settled(&v["id"]).await;
    assert_eq!(newest_sms(&stage), format!("Do'kon: {code}"));
}

async fn a_preview_shows_text_segments_and_cost_and_sends_nothing(stage: Stage) {
    let app = stage.app().await;
    let shown = app
        .post(
            "/v1/messages/preview",
            json!({ "phone_number": "+998901234567", "web_domain": "shop.example" }),
        )
        .await
        .expect(200);
    assert_eq!(
        shown,
        json!({
            "locale": "uz", "text": "Kodingiz: 121212\n\n@shop.example #121212", "encoding": "GSM-7", "segments": 1, "characters": 39,
            "costs": [
                { "channel": "telegram", "provider": "telegram", "cost": { "amount": "0.01", "currency": "USD" } },
                { "channel": "sms", "provider": "main", "cost": { "amount": "0.05", "currency": "USD" } },
            ],
        })
    );
    let shop = project(&app, "shop", json!({ "max_segments": 2 })).await;
    let long = format!("{{code}} {}", "я".repeat(64));
    let body = json!({ "country": "KZ", "locale": "ru", "template": long, "code_length": 8 });
    let shown = shop
        .post("/v1/messages/preview", body.clone())
        .await
        .expect(200);
    assert_eq!(
        (
            &shown["segments"],
            &shown["encoding"],
            &shown["costs"][1]["cost"]["amount"]
        ),
        (&json!(2), &json!("UCS-2"), &json!("0.16"))
    );
    let refused = app.post("/v1/messages/preview", body).await;
    assert_eq!(refused.pointers(), ["/template"]);
    assert!(stage.sms.sends().is_empty() && stage.telegram.sends().is_empty());
}

async fn invalid_previews_name_the_field(stage: Stage) {
    let app = stage.app().await;
    for (body, pointer) in [
        (json!({}), "/phone_number"),
        (json!({ "country": "Uzbekistan" }), "/country"),
        (
            json!({ "country": "UZ", "phone_number": "+998901234567" }),
            "/country",
        ),
        (json!({ "country": "UZ", "locale": "!" }), "/locale"),
        (
            json!({ "country": "UZ", "template": "no code" }),
            "/template",
        ),
        (json!({ "country": "UZ", "code_length": 3 }), "/code_length"),
        (json!({ "country": "UZ", "text": "x" }), "/text"),
    ] {
        let reply = app.post("/v1/messages/preview", body).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), [pointer], "{}", reply.text);
    }
    app.post("/v1/messages/preview", json!({ "phone_number": "12" }))
        .await
        .problem(422, "phone_number_invalid");
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
    // As its background work does twice a second.
    two.gateway.refresh().await;
    two.with_key(&shop.key).started().await;
    assert_eq!(two.telegram_code().len(), 8);
}
