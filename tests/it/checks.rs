//! Checks, proofs, and requests repeated with an `Idempotency-Key`.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{Stage, TestApp, word};
use crate::world::Answer;

on_both_engines!(
    a_wrong_code_is_answered_with_200,
    the_right_code_approves_once,
    the_last_wrong_code_locks_permanently,
    no_code_is_accepted_after_expiry,
    parallel_checks_never_evaluate_more_than_allowed,
    parallel_right_codes_approve_once,
    wrong_codes_are_counted_over_all_verifications_of_a_number,
    a_proof_can_be_verified_offline_with_the_public_keys,
    repeating_the_approving_check_returns_the_same_proof_for_60_s,
    a_repeated_start_returns_the_same_verification_and_sends_nothing,
    reusing_a_key_with_another_body_is_422,
    reusing_a_key_while_its_request_runs_is_409,
    refusals_are_not_stored_under_a_key,
    a_key_is_scoped_to_project_and_path_and_expires,
    resends_and_cancels_take_effect_once_per_key,
    parallel_requests_with_one_key_start_one_verification,
    a_repeat_is_answered_while_the_first_waits_for_its_provider,
);

async fn a_wrong_code_is_answered_with_200(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let answer = app.check(&v["id"], &app.wrong_code()).await.expect(200);
    assert_eq!(
        answer,
        json!({ "id": v["id"], "status": "pending", "valid": false, "checks_left": 4 })
    );
    let longer = app.check(&v["id"], "12345678").await.expect(200);
    assert_eq!(
        (&longer["valid"], &longer["checks_left"]),
        (&json!(false), &json!(3))
    );
}

async fn the_right_code_approves_once(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let code = app.telegram_code();
    app.check(&v["id"], &app.wrong_code()).await.expect(200);
    let answer = app.check(&v["id"], &code).await.expect(200);
    assert_eq!(
        (&answer["status"], &answer["valid"], &answer["checks_left"]),
        (&json!("approved"), &json!(true), &json!(3))
    );
    let again = app
        .check(&v["id"], &code)
        .await
        .problem(409, "verification_not_pending");
    assert_eq!(again["verification_status"], "approved");
    let found = app.find(&v["id"]).await;
    assert_eq!(
        (&found["status"], &found["approved_at"]),
        (&json!("approved"), &found["created_at"])
    );
    app.settle(&v["id"]).await;
}

async fn the_last_wrong_code_locks_permanently(stage: Stage) {
    let app = stage.app_with(&[("DEFAULTS__MAX_CHECKS", "2")]).await;
    let v = app.started().await;
    let (right, wrong) = (app.telegram_code(), app.wrong_code());
    app.check(&v["id"], &wrong).await.expect(200);
    let last = app.check(&v["id"], &wrong).await.expect(200);
    assert_eq!(
        last,
        json!({ "id": v["id"], "status": "locked", "valid": false, "checks_left": 0 })
    );
    let after = app.check(&v["id"], &right).await;
    after.problem(429, "too_many_checks");
    assert_eq!(after.header("retry-after"), None, "waiting does not help");
    assert_eq!(app.find(&v["id"]).await["status"], "locked");
    let resend = app
        .resend(&v["id"], json!({}))
        .await
        .problem(409, "verification_not_pending");
    assert_eq!(resend["verification_status"], "locked");
}

async fn no_code_is_accepted_after_expiry(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    stage.advance(600);
    app.check(&v["id"], &app.telegram_code())
        .await
        .problem(410, "verification_expired");
    app.check(&v["id"], &app.telegram_code())
        .await
        .problem(410, "verification_expired");
    assert_eq!(app.find(&v["id"]).await["status"], "expired");
}

async fn parallel_checks_never_evaluate_more_than_allowed(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__LIMITS__WRONG_CODES_PER_NUMBER", "off")])
        .await;
    let v = app.started().await;
    let wrong = app.wrong_code();
    let checks = (0..50).map(|_| app.check(&v["id"], &wrong));
    let replies = futures_util::future::join_all(checks).await;
    let mut evaluated: Vec<u64> = Vec::new();
    for reply in &replies {
        match reply.status {
            200 => evaluated.push(reply.body["checks_left"].as_u64().unwrap()),
            _ => drop(reply.problem(429, "too_many_checks")),
        }
    }
    evaluated.sort_unstable();
    assert_eq!(
        evaluated,
        [0, 1, 2, 3, 4],
        "each check counts down by one, and only once"
    );
    let wrong = app
        .events(&v["id"])
        .await
        .iter()
        .filter(|kind| *kind == "check.wrong")
        .count();
    assert_eq!(wrong, 5);
}

async fn parallel_right_codes_approve_once(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let code = app.telegram_code();
    let checks = (0..20).map(|_| app.check(&v["id"], &code));
    let replies = futures_util::future::join_all(checks).await;
    let approved = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(approved, 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.problem(409, "verification_not_pending");
    }
    app.settle(&v["id"]).await;
}

async fn wrong_codes_are_counted_over_all_verifications_of_a_number(stage: Stage) {
    let limits = ("DEFAULTS__LIMITS__WRONG_CODES_PER_NUMBER", "[\"3/1d\"]");
    let app = stage.app_with(&[limits]).await;
    let number = stage.number();
    let first = app
        .start(json!({ "phone_number": number, "payload": "a" }))
        .await
        .expect(201);
    app.check(&first["id"], &app.telegram_code())
        .await
        .expect(200);
    let second = app
        .start(json!({ "phone_number": number, "payload": "b" }))
        .await
        .expect(201);
    for _ in 0..2 {
        app.check(&second["id"], &app.wrong_code())
            .await
            .expect(200);
    }
    let third = app
        .start(json!({ "phone_number": number, "payload": "c" }))
        .await
        .expect(201);
    let (right, wrong) = (app.telegram_code(), app.wrong_code());
    app.check(&third["id"], &wrong).await.expect(200);
    let limited = app.check(&third["id"], &right).await;
    limited.problem(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), Some("86400"));
    assert_eq!(
        app.find(&third["id"]).await["checks_left"],
        4,
        "a check that was not evaluated does not count"
    );
    let other = app.started().await;
    assert_eq!(
        app.check(&other["id"], &app.telegram_code())
            .await
            .expect(200)["valid"],
        true
    );
    app.settle(&first["id"]).await;
    app.settle(&other["id"]).await;
}

async fn a_proof_can_be_verified_offline_with_the_public_keys(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let answer = app.check(&v["id"], &app.telegram_code()).await.expect(200);
    let proof = word(&answer["proof"]);
    let keys = app
        .send(app.open_request(Method::GET, "/.well-known/jwks.json"))
        .await
        .expect(200);
    let claims = verified(proof, &keys);
    let now = stage.clock.now().timestamp();
    assert_eq!(claims["iss"], "https://verify.example");
    assert_eq!(
        claims["aud"],
        json!(stage.project("default").await.0.to_string())
    );
    assert_eq!(
        (&claims["sub"], &claims["vid"]),
        (&v["phone_number"], &v["id"])
    );
    assert_eq!(claims["channel"], "telegram");
    assert_eq!(
        (&claims["iat"], &claims["exp"]),
        (&json!(now), &json!(now + 600))
    );
    assert!(!word(&claims["jti"]).is_empty());
    app.settle(&v["id"]).await;
}

/// Verifies a JWT with one of the keys and returns its claims.
fn verified(jwt: &str, keys: &Value) -> Value {
    let parts: Vec<&str> = jwt.split('.').collect();
    let [head, body, signature] = parts[..] else {
        panic!("{jwt} is not a JWT");
    };
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let head: Value = serde_json::from_slice(&decode(head)).unwrap();
    assert_eq!(
        (&head["alg"], &head["typ"]),
        (&json!("EdDSA"), &json!("JWT"))
    );
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == head["kid"])
        .expect("the key is published");
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    let public = UnparsedPublicKey::new(&ED25519, decode(word(&key["x"])));
    let signed = &jwt[..jwt.rfind('.').unwrap()];
    public
        .verify(signed.as_bytes(), &decode(signature))
        .expect("the signature is valid");
    let forged = signed.replacen('e', "f", 1);
    assert!(
        public
            .verify(forged.as_bytes(), &decode(signature))
            .is_err()
    );
    serde_json::from_slice(&decode(body)).unwrap()
}

fn path(v: &Value, verb: &str) -> String {
    format!("/v1/verifications/{}/{verb}", word(&v["id"]))
}

async fn repeating_the_approving_check_returns_the_same_proof_for_60_s(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let body = json!({ "code": app.telegram_code() });
    let first = app
        .post_once(&path(&v, "check"), "k", body.clone())
        .await
        .expect(200);
    stage.advance(59);
    let second = app
        .post_once(&path(&v, "check"), "k", body.clone())
        .await
        .expect(200);
    assert_eq!(first, second);
    stage.advance(1);
    app.post_once(&path(&v, "check"), "k", body)
        .await
        .problem(409, "verification_not_pending");
    app.settle(&v["id"]).await;

    // A wrong code repeated with a key is counted once.
    let v = app.started().await;
    let body = json!({ "code": app.wrong_code() });
    for _ in 0..3 {
        let answer = app
            .post_once(&path(&v, "check"), "w", body.clone())
            .await
            .expect(200);
        assert_eq!(answer["checks_left"], 4);
    }
    assert_eq!(app.find(&v["id"]).await["checks_left"], 4);
}

async fn a_repeated_start_returns_the_same_verification_and_sends_nothing(stage: Stage) {
    let app = stage.app().await;
    let body = json!({ "phone_number": stage.number() });
    let first = app
        .post_once("/v1/verifications", "start-1", body.clone())
        .await
        .expect(201);
    let second = app
        .post_once("/v1/verifications", "start-1", body.clone())
        .await
        .expect(201);
    assert_eq!(first, second);
    // Also after the verification has ended: the answer shows its current state.
    app.cancel(&first["id"]).await.expect(200);
    let third = app
        .post_once("/v1/verifications", "start-1", body.clone())
        .await
        .expect(201);
    assert_eq!(
        (&third["id"], &third["status"]),
        (&first["id"], &json!("canceled"))
    );
    assert_eq!(stage.telegram.sends().len(), 1);
    let fresh = app.start(body.clone()).await.expect(201);
    // A `reused` answer is stored and repeated as such.
    let reused = app
        .post_once("/v1/verifications", "start-2", body.clone())
        .await
        .expect(200);
    assert_eq!(
        (&reused["id"], &reused["reused"]),
        (&fresh["id"], &json!(true))
    );
    let again = app
        .post_once("/v1/verifications", "start-2", body)
        .await
        .expect(200);
    assert_eq!(again, reused);
}

async fn reusing_a_key_with_another_body_is_422(stage: Stage) {
    let app = stage.app().await;
    let body = json!({ "phone_number": stage.number() });
    app.post_once("/v1/verifications", "k", body)
        .await
        .expect(201);
    let other = json!({ "phone_number": stage.number() });
    app.post_once("/v1/verifications", "k", other)
        .await
        .problem(422, "idempotency_mismatch");
    let request = app
        .request(Method::POST, "/v1/verifications")
        .header("Idempotency-Key", "x".repeat(256));
    let body = json!({ "phone_number": stage.number() });
    app.send(request.json(&body))
        .await
        .problem(400, "invalid_request");
}

async fn reusing_a_key_while_its_request_runs_is_409(stage: Stage) {
    let app = stage.app().await;
    let body = json!({ "phone_number": stage.number() });
    let text = body.to_string();
    let project = Some(stage.project("default").await);
    let begun = app
        .gateway
        .idempotency()
        .begin(project, "/v1/verifications", "k", text.as_bytes())
        .await
        .unwrap();
    assert!(matches!(begun, pinroute::gateway::Begun::Fresh(_)));
    app.post_once("/v1/verifications", "k", body.clone())
        .await
        .problem(409, "idempotency_in_progress");
    // Its replica died: the claim expires after 30 s.
    stage.advance(30);
    app.post_once("/v1/verifications", "k", body)
        .await
        .expect(201);
}

async fn refusals_are_not_stored_under_a_key(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    stage.advance(10);
    app.post_once(&path(&v, "resend"), "k", json!({}))
        .await
        .problem(429, "resend_too_soon");
    stage.advance(20);
    app.post_once(&path(&v, "resend"), "k", json!({}))
        .await
        .expect(200);
    app.settle(&v["id"]).await;
    app.post_once("/v1/verifications", "k", json!({ "phone_number": "+1" }))
        .await
        .problem(422, "phone_number_invalid");
    app.post_once(
        "/v1/verifications",
        "k",
        json!({ "phone_number": stage.number() }),
    )
    .await
    .expect(201);
}

async fn a_key_is_scoped_to_project_and_path_and_expires(stage: Stage) {
    let app = stage.app().await;
    let other = app.with_key(&stage.new_key(Some("shop"), "verify").await);
    let body = json!({ "phone_number": stage.number() });
    let mine = app
        .post_once("/v1/verifications", "k", body.clone())
        .await
        .expect(201);
    let theirs = other
        .post_once("/v1/verifications", "k", body.clone())
        .await
        .expect(201);
    assert_ne!(mine["id"], theirs["id"]);
    app.post_once(&path(&mine, "check"), "k", json!({ "code": "000000" }))
        .await
        .expect(200);
    stage.advance(24 * 3_600);
    app.gateway.sweep().await.unwrap();
    let fresh = app
        .post_once("/v1/verifications", "k", body)
        .await
        .expect(201);
    assert_ne!(fresh["id"], mine["id"]);
}

async fn resends_and_cancels_take_effect_once_per_key(stage: Stage) {
    let app: TestApp = stage.app().await;
    let v = app.started().await;
    stage.telegram.next_asks([Answer::Cut]);
    stage.advance(30);
    for _ in 0..3 {
        app.post_once(&path(&v, "resend"), "r", json!({ "channel": "sms" }))
            .await
            .expect(200);
        app.settle(&v["id"]).await;
    }
    assert_eq!(app.find(&v["id"]).await["sends_left"], 3);
    let sms = stage.sms.sends().len();
    for _ in 0..2 {
        let canceled = app
            .post_once(&path(&v, "cancel"), "c", json!({}))
            .await
            .expect(200);
        assert_eq!(canceled["status"], "canceled");
    }
    assert_eq!(stage.sms.sends().len(), sms);
}

async fn parallel_requests_with_one_key_start_one_verification(stage: Stage) {
    let app = stage.app().await;
    let body = json!({ "phone_number": stage.number() });
    let starts = (0..20).map(|_| app.post_once("/v1/verifications", "k", body.clone()));
    let replies = futures_util::future::join_all(starts).await;
    let mut ids = Vec::new();
    for reply in &replies {
        match reply.status {
            201 => ids.push(word(&reply.body["id"])),
            _ => drop(reply.problem(409, "idempotency_in_progress")),
        }
    }
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]));
    app.settle(&json!(ids[0])).await;
    assert_eq!(stage.telegram.sends().len(), 1);
}

async fn a_repeat_is_answered_while_the_first_waits_for_its_provider(stage: Stage) {
    let app = stage.app_with(&[("TELEGRAM__TIMEOUT", "1m")]).await;
    let now = std::sync::Arc::new(tokio::sync::Notify::new());
    stage
        .telegram
        .next_sends([Answer::TakenAfter(std::sync::Arc::clone(&now))]);
    let body = json!({ "phone_number": stage.number(), "wait": 10 });
    let first = app.post_once("/v1/verifications", "k", body.clone());
    let again = async {
        stage.telegram.fake.until_seen(1).await;
        let again = app
            .post_once("/v1/verifications", "k", body.clone())
            .await
            .expect(201);
        now.notify_one();
        again
    };
    let (first, again) = tokio::join!(first, again);
    let first = first.expect(201);
    assert_eq!(first["id"], again["id"]);
    assert_eq!(again["attempts"][0]["status"], "sending");
    assert_eq!(first["attempts"][0]["status"], "sent");
    assert_eq!(stage.telegram.sends().len(), 1);
}
