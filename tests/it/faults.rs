//! Every problem that the API returns: status, code and shape (RFC 9457).

use reqwest::Method;
use serde_json::json;

use crate::on_both_engines;
use crate::stage::{AT_ONCE, Stage, word};

on_both_engines!(
    a_row_that_cannot_be_read_is_a_500_and_the_rest_of_the_list_is_answered,
    a_request_without_a_valid_key_is_401,
    a_key_without_the_scope_is_403,
    a_key_sees_only_its_own_project,
    an_instance_key_can_act_on_any_project_by_name,
    unknown_paths_and_methods_are_problems,
    non_json_and_oversized_bodies_are_problems,
    a_body_that_names_a_member_twice_is_refused,
    a_start_reports_all_its_errors_at_once,
    each_field_is_refused_when_out_of_range,
    queries_are_validated_like_bodies,
    numbers_that_cannot_be_verified_are_422,
    an_unavailable_channel_is_422_and_lists_the_available_ones,
    an_unknown_verification_is_404,
    a_finished_verification_reports_how_it_ended,
    a_given_request_id_is_returned,
    health_endpoints_report_the_services_state,
);

async fn a_request_without_a_valid_key_is_401(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let id = word(&v["id"]).to_owned();
    for (method, path) in [
        (Method::POST, "/v1/verifications".to_owned()),
        (Method::GET, "/v1/verifications".to_owned()),
        (Method::GET, format!("/v1/verifications/{id}")),
        (Method::GET, format!("/v1/verifications/{id}/events")),
        (Method::POST, format!("/v1/verifications/{id}/check")),
        (Method::POST, format!("/v1/verifications/{id}/resend")),
        (Method::POST, format!("/v1/verifications/{id}/cancel")),
        (Method::GET, "/v1/ledger".to_owned()),
    ] {
        for authorization in [
            None,
            Some("Bearer nobody"),
            Some("Basic dTpw"),
            Some("Bearer "),
        ] {
            let mut request = app.open_request(method.clone(), &path);
            if let Some(value) = authorization {
                request = request.header("Authorization", value);
            }
            let reply = app.send(request).await;
            reply.problem(401, "unauthorized");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        }
    }

    let secret = stage.new_key(Some("default"), "verify").await;
    let mine = app.with_key(&secret);
    mine.get("/v1/verifications").await.expect(200);
    let keys = stage.db.list_keys().await.unwrap();
    let hash = pinroute::secret::fingerprint(secret.as_bytes());
    let key = keys.iter().find(|key| key.hash == hash).unwrap();
    assert!(stage.db.revoke_key(key, &stage.act()).await.unwrap());
    app.gateway.refresh().await;
    mine.get("/v1/verifications")
        .await
        .problem(401, "unauthorized");
}

async fn a_key_without_the_scope_is_403(stage: Stage) {
    let app = stage.app().await;
    let verify = app.with_key(&stage.new_key(Some("default"), "verify").await);
    let finance = app.with_key(&stage.new_key(Some("default"), "finance").await);
    let admin = app.with_key(&stage.new_key(Some("default"), "admin").await);
    verify.get("/v1/ledger").await.problem(403, "forbidden");
    finance
        .start(json!({ "phone_number": stage.number() }))
        .await
        .problem(403, "forbidden");
    finance
        .get("/v1/verifications")
        .await
        .problem(403, "forbidden");
    finance.get("/v1/ledger").await.expect(200);
    admin.started().await;
    admin.get("/v1/ledger").await.expect(200);
    assert_eq!(stage.telegram.sends().len(), 1);
}

async fn a_key_sees_only_its_own_project(stage: Stage) {
    let app = stage.app().await;
    let theirs = app.started().await;
    let other = app.with_key(&stage.new_key(Some("shop"), "verify,finance").await);
    let path = format!("/v1/verifications/{}", word(&theirs["id"]));
    other
        .get(&path)
        .await
        .problem(404, "verification_not_found");
    other
        .get(&format!("{path}/events"))
        .await
        .problem(404, "verification_not_found");
    other
        .check(&theirs["id"], &app.telegram_code())
        .await
        .problem(404, "verification_not_found");
    other
        .resend(&theirs["id"], json!({}))
        .await
        .problem(404, "verification_not_found");
    other
        .cancel(&theirs["id"])
        .await
        .problem(404, "verification_not_found");
    for list in [
        "/v1/verifications".to_owned(),
        "/v1/ledger".to_owned(),
        format!("/v1/ledger?verification_id={}", word(&theirs["id"])),
    ] {
        assert_eq!(
            other.get(&list).await.expect(200)["items"],
            json!([]),
            "{list}"
        );
    }
    for list in [
        "/v1/verifications?project=default",
        "/v1/ledger?project=default",
        "/v1/ledger?project=nobody",
    ] {
        other.get(list).await.problem(403, "forbidden");
    }
    // Another project gets a separate verification for the same number.
    let mine = other
        .start(json!({ "phone_number": theirs["phone_number"] }))
        .await
        .expect(201);
    assert_ne!(mine["id"], theirs["id"]);
    other
        .start(json!({ "phone_number": stage.number(), "project": "default" }))
        .await
        .problem(403, "forbidden");
    other
        .start(json!({ "phone_number": stage.number(), "project": "shop" }))
        .await
        .expect(201);
}

async fn an_instance_key_can_act_on_any_project_by_name(stage: Stage) {
    let app = stage.app().await;
    stage.project("shop").await;
    let instance = app.with_key(&stage.new_key(None, "verify,finance").await);
    let shop = app.with_key(&stage.new_key(Some("shop"), "verify").await);
    let v = instance
        .start(json!({ "phone_number": stage.number(), "project": "shop" }))
        .await
        .expect(201);
    assert_eq!(shop.find(&v["id"]).await, v);
    let code = app.telegram_code();
    app.get(&format!("/v1/verifications/{}", word(&v["id"])))
        .await
        .problem(404, "verification_not_found");

    let of_default = instance.started().await;
    assert_eq!(
        app.find(&of_default["id"]).await,
        of_default,
        "without a name the project is `default`"
    );
    let count = |page: serde_json::Value| page["items"].as_array().unwrap().len();
    assert_eq!(
        count(instance.get("/v1/verifications").await.expect(200)),
        2
    );
    assert_eq!(
        count(
            instance
                .get("/v1/verifications?project=shop")
                .await
                .expect(200)
        ),
        1
    );
    assert_eq!(
        count(instance.get("/v1/ledger?project=shop").await.expect(200)),
        1
    );
    assert_eq!(
        instance.check(&v["id"], &code).await.expect(200)["valid"],
        true
    );
    let reply = instance
        .start(json!({ "phone_number": stage.number(), "project": "nobody" }))
        .await;
    reply.problem(400, "invalid_request");
    assert_eq!(reply.pointers(), ["/project"]);
}

async fn unknown_paths_and_methods_are_problems(stage: Stage) {
    let app = stage.app().await;
    for path in [
        "/v1",
        "/v1/verification",
        "/nothing",
        "/v1/verifications/x/y/z",
    ] {
        app.get(path).await.problem(404, "not_found");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/v1/verifications", "GET, HEAD, POST"),
        (
            Method::PUT,
            "/v1/verifications/01993f0e-0000-7000-8000-000000000000",
            "GET, HEAD",
        ),
        (
            Method::GET,
            "/v1/verifications/01993f0e-0000-7000-8000-000000000000/check",
            "POST",
        ),
        (Method::GET, "/callbacks/telegram", "POST"),
        (Method::GET, "/callbacks/main", "POST"),
        (Method::GET, "/callbacks/nobody", "POST"),
        (
            Method::HEAD,
            "/v1/verifications/01993f0e-0000-7000-8000-000000000000/check",
            "POST",
        ),
        (Method::DELETE, "/callbacks/main/token", "GET, POST"),
        (Method::POST, "/livez", "GET, HEAD"),
        (Method::POST, "/v1/ledger", "GET, HEAD"),
    ] {
        let reply = app.send(app.request(method.clone(), path)).await;
        if method == Method::HEAD {
            reply.expect(405);
        } else {
            reply.problem(405, "method_not_allowed");
        }
        assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
    }
}

async fn non_json_and_oversized_bodies_are_problems(stage: Stage) {
    let app = stage.app().await;
    let post = |kind: &str, body: String| {
        let request = app
            .request(Method::POST, "/v1/verifications")
            .header("Content-Type", kind);
        app.send(request.body(body))
    };
    let number = stage.number();
    post("application/json", "{".to_owned())
        .await
        .problem(400, "invalid_request");
    post("application/json", "[]".to_owned())
        .await
        .problem(400, "invalid_request");
    post("application/json", "\u{feff}{}".to_owned())
        .await
        .problem(400, "invalid_request");
    post("text/plain", format!(r#"{{"phone_number":"{number}"}}"#))
        .await
        .problem(415, "unsupported_media_type");
    post(
        "application/x-www-form-urlencoded",
        format!("phone_number={number}"),
    )
    .await
    .problem(415, "unsupported_media_type");
    let large = json!({ "phone_number": number, "payload": "x".repeat(70_000) }).to_string();
    post("application/json", large)
        .await
        .problem(413, "payload_too_large");
    post(
        "Application/JSON; charset=utf-8",
        format!(r#"{{"phone_number":"{number}"}}"#),
    )
    .await
    .expect(201);
    let empty = app
        .send(app.request(Method::POST, "/v1/verifications"))
        .await;
    empty.problem(400, "invalid_request");
    assert_eq!(empty.pointers(), ["/phone_number"]);
    assert_eq!(stage.telegram.sends().len(), 1);
}

async fn a_body_that_names_a_member_twice_is_refused(stage: Stage) {
    let app = stage.app().await;
    let (one, two) = (stage.number(), stage.number());
    for body in [
        format!(r#"{{"phone_number":"{one}","phone_number":"{two}"}}"#),
        format!(r#"{{"phone_number":"{one}","phone\u005fnumber":"{one}"}}"#),
        format!(r#"{{"phone_number":"{one}","client":{{"ip":"203.0.113.7","ip":"203.0.113.8"}}}}"#),
    ] {
        let request = app
            .request(Method::POST, "/v1/verifications")
            .header("Content-Type", "application/json")
            .body(body);
        let problem = app.send(request).await.problem(400, "invalid_request");
        assert!(problem.to_string().contains("given twice"), "{problem}");
    }
    assert!(stage.telegram.sends().is_empty());
}

async fn a_start_reports_all_its_errors_at_once(stage: Stage) {
    let app = stage.app().await;
    let reply = app
        .start(json!({
            "code": 1234, "code_length": "6", "ttl": 29, "locale": "russian!", "channels": ["telegram", "pigeon"],
            "payload": ["x"], "client": { "ip": "here", "os": "x" }, "web_domain": "https://shop.example/",
            "android_app_hash": "short", "wait": 11, "unknown~/field": 1,
        }))
        .await;
    reply.problem(400, "invalid_request");
    let wanted = [
        "/android_app_hash",
        "/channels",
        "/client/os",
        "/code",
        "/code_length",
        "/payload",
        "/phone_number",
        "/ttl",
        "/unknown~0~1field",
        "/wait",
        "/web_domain",
    ];
    assert_eq!(reply.pointers(), wanted);
    for error in reply.body["errors"].as_array().unwrap() {
        crate::stage::assert_fields(error, &["pointer", "detail"]);
    }
    let v = app.started().await;
    let check = format!("/v1/verifications/{}/check", word(&v["id"]));
    for (body, pointers) in [
        (json!({}), vec!["/code"]),
        (json!({ "code": 123_456 }), vec!["/code"]),
        (json!({ "code": "12a4", "x": 1 }), vec!["/code", "/x"]),
        (json!({ "code": "123456789" }), vec!["/code"]),
        (json!({ "code": "" }), vec!["/code"]),
    ] {
        let reply = app.post(&check, body).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), pointers);
    }
    assert_eq!(
        app.find(&v["id"]).await["checks_left"],
        5,
        "no check was used up"
    );
    let reply = app.resend(&v["id"], json!({ "channel": "pigeon" })).await;
    reply.problem(400, "invalid_request");
    assert_eq!(reply.pointers(), ["/channel"]);
    let reply = app
        .post(
            &format!("/v1/verifications/{}/cancel", word(&v["id"])),
            json!({ "why": "x" }),
        )
        .await;
    reply.problem(400, "invalid_request");
    assert_eq!(reply.pointers(), ["/why"]);
}

async fn each_field_is_refused_when_out_of_range(stage: Stage) {
    let app = stage.app().await;
    for (field, value) in [
        ("ttl", json!(29)),
        ("ttl", json!(86_401)),
        ("ttl", json!(60.5)),
        ("ttl", json!("600")),
        ("code_length", json!(3)),
        ("code_length", json!(9)),
        ("code", json!("123")),
        ("code", json!("123456789")),
        ("code", json!("12 3")),
        ("wait", json!(-1)),
        ("wait", json!(10.1)),
        ("wait", json!("2")),
        ("channels", json!([])),
        ("channels", json!(["sms", "sms"])),
        ("channels", json!("sms")),
        ("payload", json!("x".repeat(513))),
        ("payload", json!("a\u{0}b")),
        ("client", json!("x")),
        ("client", json!([])),
        ("phone_number", json!(998_901_234_567_u64)),
        ("web_domain", json!("a..b")),
        ("android_app_hash", json!("short")),
        ("project", json!("")),
    ] {
        let mut body = json!({ "phone_number": stage.number() });
        body[field] = value.clone();
        let reply = app.start(body).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), [format!("/{field}")], "{value}");
    }
    assert!(stage.telegram.sends().is_empty());
    for (field, value) in [
        ("ttl", json!(30)),
        ("ttl", json!(86_400)),
        ("wait", json!(0)),
        ("wait", json!(10)),
        ("payload", json!("x".repeat(512))),
    ] {
        let mut body = json!({ "phone_number": stage.number() });
        body[field] = value;
        let v = app.start(body).await.expect(201);
        app.settled(&v["id"]).await;
    }
}

async fn queries_are_validated_like_bodies(stage: Stage) {
    let app = stage.app().await;
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=x", "/limit"),
        ("status=done", "/status"),
        ("from=yesterday", "/from"),
        ("to=2026-13-01", "/to"),
        ("cursor=x", "/cursor"),
        ("page=2", "/page"),
        ("phone_number=12", "/phone_number"),
        ("limit=1&limit=2", "/limit"),
        // A filter that was not filled in must not list everything.
        ("phone_number=", "/phone_number"),
        ("status", "/status"),
        ("from=", "/from"),
        ("project=", "/project"),
        ("limit=", "/limit"),
    ] {
        let reply = app.get(&format!("/v1/verifications?{query}")).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), [pointer], "{query}");
    }
    for (query, pointer) in [
        ("kind=gift", "/kind"),
        ("verification_id=x", "/verification_id"),
        ("cursor=x", "/cursor"),
        ("format=pdf", "/format"),
    ] {
        let reply = app.get(&format!("/v1/ledger?{query}")).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), [pointer], "{query}");
    }
}

async fn numbers_that_cannot_be_verified_are_422(stage: Stage) {
    let app = stage.app().await;
    for number in [
        "+1",
        "998901234567",
        "+99890",
        "+abc",
        "+9989012345678901",
        "",
    ] {
        let reply = app.start(json!({ "phone_number": number })).await;
        reply.problem(422, "phone_number_invalid");
        assert_eq!(reply.pointers(), ["/phone_number"]);
    }
    // Premium rate, fixed line, virtual, test.
    for number in [
        "+19002345678",
        "+498912345678",
        "+88812345678",
        "+99966123456",
    ] {
        let reply = app.start(json!({ "phone_number": number })).await;
        reply.problem(422, "phone_number_unsupported");
        assert_eq!(reply.pointers(), ["/phone_number"]);
    }
    assert!(stage.telegram.sends().is_empty() && stage.sms.sends().is_empty());
}

async fn an_unavailable_channel_is_422_and_lists_the_available_ones(stage: Stage) {
    let app = stage.app_with(&[("SMS__PROVIDERS", "[]")]).await;
    let reply = app
        .start(json!({ "phone_number": stage.number(), "channels": ["sms"] }))
        .await;
    assert_eq!(
        reply.problem(422, "channel_unavailable")["channels"],
        json!(["telegram"])
    );
    let v = app.started().await;
    stage.advance(30);
    let sms = app.resend(&v["id"], json!({ "channel": "sms" })).await;
    assert_eq!(
        sms.problem(422, "channel_unavailable")["channels"],
        json!(["telegram"])
    );
    let next = app.resend(&v["id"], json!({})).await;
    assert_eq!(
        next.problem(422, "channel_unavailable")["channels"],
        json!(["telegram"]),
        "no step remains"
    );
    assert_eq!(
        app.find(&v["id"]).await["sends_left"],
        4,
        "a refused resend does not count"
    );
}

async fn an_unknown_verification_is_404(stage: Stage) {
    let app = stage.app().await;
    for id in ["01993f0e-0000-7000-8000-000000000000", "x", "%00"] {
        let path = format!("/v1/verifications/{id}");
        app.get(&path).await.problem(404, "verification_not_found");
        app.get(&format!("{path}/events"))
            .await
            .problem(404, "verification_not_found");
        app.post(&format!("{path}/check"), json!({ "code": "123456" }))
            .await
            .problem(404, "verification_not_found");
        app.post(&format!("{path}/resend"), json!({}))
            .await
            .problem(404, "verification_not_found");
        app.post(&format!("{path}/cancel"), json!({}))
            .await
            .problem(404, "verification_not_found");
    }
}

async fn a_finished_verification_reports_how_it_ended(stage: Stage) {
    let app = stage.app_with(&[AT_ONCE]).await;
    let approved = app.started().await["id"].clone();
    app.check(&approved, &app.telegram_code()).await.expect(200);
    let canceled = app.started().await["id"].clone();
    app.cancel(&canceled).await.expect(200);
    for (id, status) in [(&approved, "approved"), (&canceled, "canceled")] {
        for reply in [
            app.check(id, "000000").await,
            app.resend(id, json!({})).await,
            app.cancel(id).await,
        ] {
            assert_eq!(
                reply.problem(409, "verification_not_pending")["verification_status"],
                status
            );
        }
    }
    let expired = app.started().await["id"].clone();
    stage.advance(600);
    app.check(&expired, "000000")
        .await
        .problem(410, "verification_expired");
    app.resend(&expired, json!({}))
        .await
        .problem(410, "verification_expired");
    app.settle(&approved).await;
}

async fn a_given_request_id_is_returned(stage: Stage) {
    let app = stage.app().await;
    let request = app
        .request(Method::GET, "/v1/verifications")
        .header("X-Request-Id", "abc-1");
    assert_eq!(
        app.send(request).await.header("x-request-id"),
        Some("abc-1")
    );
    let request = app
        .request(Method::GET, "/v1/verifications")
        .header("X-Request-Id", "not plain");
    assert_ne!(
        app.send(request).await.header("x-request-id"),
        Some("not plain")
    );
}

async fn health_endpoints_report_the_services_state(stage: Stage) {
    let app = stage.app().await;
    let open = |path: &str| app.send(app.open_request(Method::GET, path));
    assert_eq!(open("/livez").await.expect(200), json!({ "status": "ok" }));
    let (database, redis) = match stage.engine {
        crate::stage::Engine::Sqlite => ("sqlite", "none"),
        crate::stage::Engine::Postgres => ("postgres", "ok"),
    };
    let ready = json!({ "status": "ok", "database": database, "redis": redis, "sandbox": false, "paused": [], "jobs": [] });
    assert_eq!(open("/readyz").await.expect(200), ready);
    app.started().await;
    let metrics = open("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.text.contains("pinroute_verifications_total"),
        "{}",
        metrics.text
    );
    let document = open("/openapi.json").await;
    assert!(
        document.text == pinroute::api::document(),
        "the served document differs from the printed one"
    );
    assert_eq!(open("/docs/").await.status, 200);
    open("/.well-known/jwks.json").await.expect(200);
}

async fn a_row_that_cannot_be_read_is_a_500_and_the_rest_of_the_list_is_answered(stage: Stage) {
    let app = stage.app().await;
    let (broken, whole) = (app.started().await, app.started().await);
    let id = uuid::Uuid::parse_str(word(&broken["id"])).unwrap();
    stage.spoil(id).await;
    let path = format!("/v1/verifications/{id}");
    let calls = [
        app.get(&path).await,
        app.post(&format!("{path}/check"), json!({ "code": "000000" }))
            .await,
        app.post(&format!("{path}/cancel"), json!({})).await,
    ];
    for reply in calls {
        reply.problem(500, "internal_error");
        assert_eq!(reply.header("retry-after"), None);
    }
    let list = app.get("/v1/verifications").await.expect(200);
    let listed: Vec<_> = list["items"].as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], whole["id"]);
    // Its number can be verified all the same.
    let again = json!({ "phone_number": broken["phone_number"] });
    let fresh = app.start(again.clone()).await.expect(201);
    let reused = app.start(again).await.expect(200);
    assert_eq!(reused["id"], fresh["id"]);
    stage.mend(id).await;
}
