//! What stands around a verification: services, credentials, rate limits, attempts, and faults of each.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Account, native, refused};
use crate::stage::{Engine, SMS, Stage, assert_fields, word};
use crate::webhooks::admin;
use crate::world::error;
use crate::{guard, on_both_engines};

on_both_engines!(
    limits_of_the_sites_own_hold_for_starts_and_resends,
    credentials_and_services_belong_together,
    sids_of_old_go_on,
    faults_come_in_twilios_shape,
    attempts_come_in_pages_without_gaps,
    the_brand_stands_in_the_text,
    the_safe_list_is_what_the_project_allows,
);

async fn the_safe_list_is_what_the_project_allows(stage: Stage) {
    let deny = ("DEFAULTS__COUNTRIES__DENY", r#"["DE"]"#);
    let app = stage.app_with(&[SMS, deny]).await;
    let site = Account::of(&app, "admin").await;
    let number = "+4915123456789";
    let path = format!("/SafeList/Numbers/{number}");
    let get = || site.send(Method::GET, &path, &[]);
    refused(&get().await, 404, 20404);
    refused(&site.start(number, &[]).await, 403, 60605);
    let asked = [("PhoneNumber", number)];
    let add = || site.send(Method::POST, "/SafeList/Numbers", &asked);
    let made = add().await.expect(201);
    assert_fields(&made, &["sid", "phone_number", "url"]);
    assert!(word(&made["sid"]).starts_with("GN"), "{made}");
    assert_eq!(made["phone_number"], number);
    assert!(word(&made["url"]).ends_with(&path), "{made}");
    assert_eq!(add().await.expect(201), made);
    assert_eq!(get().await.expect(200), made);
    site.start(number, &[]).await.expect(201);
    let listed = admin(&app).await.get("/v1/guard/lists").await.expect(200);
    assert_eq!(
        (&listed["items"][0]["kind"], &listed["items"][0]["value"]),
        (&json!("allow"), &json!(number))
    );
    refused(
        &site.send(Method::POST, "/SafeList/Numbers", &[]).await,
        400,
        60200,
    );
    let wrong = [("PhoneNumber", "12")];
    refused(
        &site.send(Method::POST, "/SafeList/Numbers", &wrong).await,
        400,
        60200,
    );
    // One that ends is replaced by one that stays, and one that is over is none.
    let soon = stage.clock.now() + chrono::TimeDelta::seconds(10);
    let ending = json!({ "kind": "allow", "match": "number", "value": number, "expires_at": soon });
    guard::add(&admin(&app).await, ending.clone()).await;
    let made = add().await.expect(201);
    stage.advance(11);
    assert_eq!(get().await.expect(200), made);
    let other = "+4915123456788";
    let mut ending = ending;
    ending["value"] = json!(other);
    ending["expires_at"] = json!(stage.clock.now() + chrono::TimeDelta::seconds(10));
    guard::add(&admin(&app).await, ending).await;
    stage.advance(11);
    let gone = site
        .send(Method::GET, &format!("/SafeList/Numbers/{other}"), &[])
        .await;
    refused(&gone, 404, 20404);
    // Writing needs the scope admin.
    let reader = Account::of(&app, "verify").await;
    refused(
        &reader
            .send(
                Method::POST,
                "/SafeList/Numbers",
                &[("PhoneNumber", number)],
            )
            .await,
        403,
        20403,
    );
    refused(&reader.send(Method::DELETE, &path, &[]).await, 403, 20403);
    assert_eq!(reader.send(Method::GET, &path, &[]).await.expect(200), made);
    assert_eq!(site.send(Method::DELETE, &path, &[]).await.status, 204);
    refused(&site.send(Method::DELETE, &path, &[]).await, 404, 20404);
}

async fn limits_of_the_sites_own_hold_for_starts_and_resends(stage: Stage) {
    let keys = (
        "DEFAULTS__LIMITS__KEYS",
        r#"{"user_id":["2/1h"],"none":[]}"#,
    );
    let app = stage.app_with(&[SMS, keys]).await;
    let site = Account::of(&app, "verify").await;
    let limits = |user| [("RateLimits", user)];
    let one = r#"{"user_id": "u-17", "unknown": "x", "none": "y"}"#;
    let number = stage.number();
    let v = site.start(&number, &limits(one)).await.expect(201);
    stage.advance(3);
    site.start(&number, &[]).await.expect(201);
    app.settle(&native(&v)).await;
    refused(&site.start(&stage.number(), &limits(one)).await, 429, 20429);
    let other = r#"{"user_id":"u-18"}"#;
    site.start(&stage.number(), &limits(other))
        .await
        .expect(201);

    // The same limit in our own API.
    let start = async |keys: Value| {
        app.start(json!({ "phone_number": stage.number(), "limit_keys": keys }))
            .await
    };
    let limited = start(json!({ "user_id": "u-17" }))
        .await
        .problem(429, "rate_limited");
    assert_eq!(limited["limit"], "user_id");
    start(json!({ "user_id": "u-18" })).await.expect(201);
    start(json!({ "user_id": "u-18" }))
        .await
        .problem(429, "rate_limited");
    start(json!({ "none": "u-18" })).await.expect(201);
    for (keys, pointer) in [
        (json!({ "address": "x" }), "/limit_keys/address"),
        (json!({ "user_id": 17 }), "/limit_keys"),
        (json!({ "user_id": "" }), "/limit_keys"),
        (json!(["user_id"]), "/limit_keys"),
    ] {
        let refused = start(keys).await;
        refused.problem(400, "invalid_request");
        assert_eq!(refused.pointers(), [pointer]);
    }
}

async fn credentials_and_services_belong_together(stage: Stage) {
    let app = stage.app().await;
    let mut site = Account::of(&app, "verify").await;
    let (user, service) = (site.user.clone(), site.service.clone());
    let account = service.replacen("VA", "AC", 1);
    for good in [&user, &account] {
        site.user.clone_from(good);
        site.send(Method::GET, &format!("/Services/{service}"), &[])
            .await
            .expect(200);
    }
    let nobody = "0".repeat(32);
    for bad in [
        format!("AC{nobody}"),
        format!("SK{nobody}"),
        "AC".into(),
        service.clone(),
    ] {
        site.user.clone_from(&bad);
        refused(&site.get("RateLimits").await, 401, 20003);
    }
    let request = app.open_request(Method::GET, "/twilio/v2/Services");
    refused(&app.send(request.bearer_auth(&site.key)).await, 401, 20003);

    let other = stage.project("other").await;
    site.user = user;
    for unknown in [
        format!("VA{}", other.0.simple()),
        format!("VA{nobody}"),
        "VA".into(),
    ] {
        site.service.clone_from(&unknown);
        refused(&site.start(&stage.number(), &[]).await, 404, 20404);
    }
    let finance = Account {
        key: stage.new_key(Some("default"), "finance").await,
        user: account,
        service,
        app: &app,
    };
    refused(&finance.get("RateLimits").await, 403, 20403);
    assert!(stage.telegram.sends().is_empty());
}

async fn sids_of_old_go_on(stage: Stage) {
    let (account, service) = (
        format!("AC{}", "a1".repeat(16)),
        format!("VA{}", "b2".repeat(16)),
    );
    let app = stage.app().await;
    let admin = app
        .client
        .with_key(&stage.new_key(Some("default"), "admin").await);
    let change =
        json!({ "policy": { "twilio": { "account_sid": account, "service_sid": service } } });
    let request = admin
        .request(Method::PATCH, "/v1/projects/default")
        .json(&change);
    app.send(request).await.expect(200);
    let mut site = Account::of(&app, "verify").await;
    site.user.clone_from(&account);
    site.service.clone_from(&service);
    let v = site.start(&stage.number(), &[]).await.expect(201);
    assert_eq!(
        (word(&v["account_sid"]), word(&v["service_sid"])),
        (&*account, &*service)
    );
    assert!(word(&v["url"]).contains(&service));
    let created = admin
        .post("/v1/keys", json!({ "scopes": ["verify"] }))
        .await
        .expect(201);
    let twilio = &created["dialects"]["twilio"];
    assert_eq!(
        (word(&twilio["account_sid"]), word(&twilio["sms"])),
        (&*account, "route")
    );
    // The same SIDs in another project take nothing from this one.
    stage.project("other").await;
    let instance = app.client.with_key(&stage.new_key(None, "admin").await);
    let same = json!({ "twilio": { "account_sid": account, "service_sid": service } });
    let request = instance
        .request(Method::PATCH, "/v1/projects/other")
        .json(&same);
    app.send(request).await.expect(200);
    site.start(&stage.number(), &[]).await.expect(201);
    let wrong = json!({ "policy": { "twilio": { "account_sid": "AC1" } } });
    let request = admin
        .request(Method::PATCH, "/v1/projects/default")
        .json(&wrong);
    app.send(request).await.problem(400, "invalid_request");
}

async fn faults_come_in_twilios_shape(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let to = ("To", &*number);
    let sms = ("Channel", "sms");
    let many = format!(
        "{{{}}}",
        (0..11)
            .map(|n| format!("\"{n}\":\"x\""))
            .collect::<Vec<_>>()
            .join(",")
    );
    for form in [
        vec![],
        vec![sms],
        vec![to],
        vec![to, ("Channel", "pigeon")],
        vec![("To", "12"), sms],
        vec![("To", "ann@shop.example"), sms],
        vec![to, ("To", "+998901234567"), sms],
        vec![to, sms, ("RateLimits", "{")],
        vec![to, sms, ("RateLimits", r#"{"a":[1]}"#)],
        vec![to, sms, ("Tags", &many)],
        vec![to, sms, ("RiskCheck", "maybe")],
        vec![to, sms, ("AppHash", "short")],
        vec![to, sms, ("CustomFriendlyName", "x".repeat(31).leak())],
        vec![to, sms, ("CustomFriendlyName", "Shop 9999")],
        vec![to, sms, ("CustomFriendlyName", "{code}")],
    ] {
        refused(&site.post("Verifications", &form).await, 400, 60200);
    }
    refused(
        &site
            .start(&number, &[("Amount", "1"), ("Payee", "x")])
            .await,
        400,
        60204,
    );
    refused(&site.start("+442079460000", &[]).await, 400, 60205);
    refused(&site.check(&number, "123456").await, 404, 20404);
    refused(&site.check(&number, "12").await, 400, 60200);
    refused(
        &site.post("VerificationCheck", &[("Code", "123456")]).await,
        400,
        60221,
    );
    refused(&site.post("VerificationCheck", &[to]).await, 400, 60200);
    refused(
        &site
            .post(&format!("Verifications/{number}"), &[("Status", "gone")])
            .await,
        400,
        60200,
    );
    let at = |path: &str| {
        app.open_request(Method::PUT, path)
            .basic_auth(&site.user, Some(&site.key))
    };
    refused(&app.send(at("/twilio/v2/Services")).await, 405, 20004);
    refused(&app.send(at("/twilio/v2/Nothing")).await, 404, 20404);
    refused(&app.send(at("/twilio")).await, 404, 20404);
    let large = "x".repeat(1 << 20);
    refused(
        &site.start(&number, &[("Locale", &large)]).await,
        413,
        20413,
    );
    let list = site
        .send(Method::GET, "/Attempts", &[("DateCreatedAfter", "soon")])
        .await;
    refused(&list, 400, 60200);
    assert!(stage.telegram.sends().is_empty() && stage.sms.sends().is_empty());
    if stage.engine == Engine::Postgres {
        stage.hide_database().await;
        let answer = site.start(&number, &[]).await;
        stage.show_database().await;
        refused(&answer, 503, 20503);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    stage.stop(app).await;
    let app = stage.app_with(&[("DIALECTS__TWILIO", "false")]).await;
    app.get("/twilio/v2/Services")
        .await
        .problem(404, "not_found");
}

async fn attempts_come_in_pages_without_gaps(stage: Stage) {
    let app = stage.app().await;
    let site = Account::of(&app, "verify").await;
    let mut sids = Vec::new();
    for round in 0..5 {
        if round % 2 == 0 {
            stage
                .telegram
                .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
        }
        let v = site.start(&stage.number(), &[]).await.expect(201);
        let attempts = v["send_code_attempts"].as_array().unwrap();
        sids.extend(
            attempts
                .iter()
                .map(|attempt| word(&attempt["attempt_sid"]).to_owned()),
        );
        // Of another face.
        app.started().await;
    }
    // All within one millisecond, where the ids of attempts interleave.
    sids.sort_unstable();
    assert_eq!(sids.len(), 8);
    for size in ["1", "2", "3", "8", "50"] {
        let mut found = Vec::new();
        let mut page = site
            .send(Method::GET, "/Attempts", &[("PageSize", size)])
            .await
            .expect(200);
        loop {
            let items = page["attempts"].as_array().unwrap();
            assert!(items.len() <= size.parse::<usize>().unwrap());
            found.extend(items.iter().map(|item| word(&item["sid"]).to_owned()));
            let Some(next) = page["meta"]["next_page_url"].as_str() else {
                break;
            };
            assert!(next.starts_with("https://verify.example/twilio/v2/Attempts?PageSize="));
            let path = next
                .strip_prefix("https://verify.example/twilio/v2")
                .unwrap();
            page = site.send(Method::GET, path, &[]).await.expect(200);
        }
        found.sort_unstable();
        assert_eq!(found, sids, "{size} on a page");
    }
    let count = async |filter: &[(&str, &str)]| {
        let page = site
            .send(Method::GET, "/Attempts", filter)
            .await
            .expect(200);
        page["attempts"].as_array().unwrap().len()
    };
    assert_eq!(count(&[("Channel", "sms")]).await, 3);
    assert_eq!(
        count(&[("Country", "uz"), ("Status", "unconverted")]).await,
        8
    );
    assert_eq!(count(&[("Status", "converted")]).await, 0);
    let now = stage.clock.now();
    assert_eq!(
        count(&[(
            "DateCreatedBefore",
            &(now + chrono::TimeDelta::seconds(1)).to_rfc3339()
        )])
        .await,
        8
    );
    assert_eq!(
        count(&[(
            "DateCreatedAfter",
            &(now + chrono::TimeDelta::seconds(1)).to_rfc3339()
        )])
        .await,
        0
    );
    let last = [("Page", "18446744073709551615"), ("PageSize", "1")];
    assert_eq!(count(&last).await, 1);
}

async fn the_brand_stands_in_the_text(stage: Stage) {
    let texts = ("DEFAULTS__TEMPLATES", r#"{"en":"{brand}: {code}"}"#);
    let app = stage.app_with(&[SMS, texts]).await;
    let site = Account::of(&app, "verify").await;
    let english = ("Locale", "en");
    site.start(&stage.number(), &[english]).await.expect(201);
    site.start(&stage.number(), &[english, ("CustomFriendlyName", "Shop")])
        .await
        .expect(201);
    let texts: Vec<String> = stage
        .sms
        .sends()
        .iter()
        .map(|sms| word(&sms["text"]).to_owned())
        .collect();
    assert!(
        texts[0].starts_with("default: ") && texts[1].starts_with("Shop: "),
        "{texts:?}"
    );
}
