//! The Telegram Gateway API: parameters, errors, money and codes.

use serde_json::json;

use super::{ORDINARY, Subject, TOKEN};
use crate::simulator::digest::TokenHash;

#[test]
fn signatures_match_the_test_vectors() {
    assert_eq!(
        TokenHash::of("TEST_TOKEN").sign("1700000000", r#"{"request_id":"abc"}"#),
        "ba63fd756bd9eefdac399bc598347c4754b01546d595bfe332b8e8d54aee773e"
    );
    assert_eq!(
        TokenHash::of("AAEFAAAAQKI_mDsJppSEQRr3kLOz9SatBxq48BgQLSHLRv").sign(
            "1733663990",
            r#"{"request_id":"923583492968596","phone_number":"1999123456726","request_cost":0,"delivery_status":{"status":"revoked","updated_at":1733663990},"verification_status":{"status":"expired","updated_at":1733663989}}"#
        ),
        "3b83ad76ab321a7239ca3f35fb910dad8921169ba0e49abb0b16eb0aaf14cc03"
    );
}

#[tokio::test]
async fn an_answer_has_telegrams_keys_in_telegrams_order_and_no_spaces() {
    let subject = Subject::start();
    let params = json!({ "phone_number": ORDINARY, "code": "123456", "ttl": 60, "payload": "p" });
    let text = subject.raw("sendVerificationMessage", params).await;
    let id = text.split('"').nth(7).unwrap().to_owned();
    assert_eq!(id.len(), 15);
    assert!(id.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(
        text,
        format!(
            r#"{{"ok":true,"result":{{"request_id":"{id}","phone_number":"15550100100","request_cost":0.01,"remaining_balance":99.99,"delivery_status":{{"status":"sent","updated_at":1700000000}},"payload":"p"}}}}"#
        )
    );
    subject.advance(1);
    let params = json!({ "request_id": id, "code": "123456" });
    let text = subject.raw("checkVerificationStatus", params).await;
    assert_eq!(
        text,
        format!(
            r#"{{"ok":true,"result":{{"request_id":"{id}","phone_number":"15550100100","request_cost":0.01,"delivery_status":{{"status":"delivered","updated_at":1700000001}},"verification_status":{{"status":"code_valid","updated_at":1700000001,"code_entered":"123456"}},"payload":"p"}}}}"#
        )
    );
}

#[tokio::test]
async fn a_check_pays_for_one_send_which_reports_a_balance_of_zero() {
    let subject = Subject::start();
    let check = json!({ "phone_number": ORDINARY });
    let checked = subject.ok("checkSendAbility", check).await;
    assert_eq!(checked["remaining_balance"], json!(99.99));
    assert!(checked.get("delivery_status").is_none());

    let id = &checked["request_id"];
    let other = json!({ "phone_number": "+15550100101", "request_id": id, "code": "1234" });
    let error = subject.error("sendVerificationMessage", other).await;
    assert_eq!(error, "PHONE_NUMBER_MISMATCH");
    let params = json!({ "phone_number": ORDINARY, "request_id": id, "code": "1234" });
    let sent = subject.ok("sendVerificationMessage", params.clone()).await;
    assert_eq!(&sent["request_id"], id);
    assert_eq!(sent["request_cost"], json!(0.01));
    assert_eq!(sent["remaining_balance"], json!(0));
    let error = subject.error("sendVerificationMessage", params).await;
    assert_eq!(error, "MESSAGE_ALREADY_SENT");

    let check = json!({ "phone_number": ORDINARY });
    let checked = subject.ok("checkSendAbility", check).await;
    assert_eq!(checked["remaining_balance"], json!(99.98));
}

#[expect(clippy::too_many_lines, reason = "one table of cases")]
#[tokio::test]
async fn every_error_has_its_code_on_http_200() {
    let subject = Subject::start();
    let ok = subject.ok(
        "sendVerificationMessage",
        json!({ "phone_number": ORDINARY, "code": "1234" }),
    );
    let id = ok.await["request_id"].clone();
    let send = "sendVerificationMessage";
    let long = "x".repeat(129);
    for (method, params, error) in [
        (send, json!({}), "PHONE_NUMBER_INVALID"),
        (
            send,
            json!({ "phone_number": "+123" }),
            "PHONE_NUMBER_INVALID",
        ),
        (
            send,
            json!({ "phone_number": [1], "code": "1234" }),
            "PHONE_NUMBER_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY }),
            "CODE_LENGTH_REQUIRED",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code": null, "code_length": "" }),
            "CODE_LENGTH_REQUIRED",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code_length": 1 }),
            "CODE_LENGTH_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code_length": -5 }),
            "CODE_LENGTH_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code": "12a4" }),
            "CODE_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code": "123456789" }),
            "CODE_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code": "1234", "ttl": 29 }),
            "TTL_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code": "1234", "ttl": 3601 }),
            "TTL_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code": "1234", "payload": long }),
            "PAYLOAD_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code": "1234", "callback_url": "http://shop.example/" }),
            "CALLBACK_URL_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code": "1234", "request_id": "1" }),
            "REQUEST_ID_INVALID",
        ),
        (
            send,
            json!({ "phone_number": ORDINARY, "code": "1234", "request_id": id }),
            "MESSAGE_ALREADY_SENT",
        ),
        (
            "checkSendAbility",
            json!({ "phone_number": "" }),
            "PHONE_NUMBER_INVALID",
        ),
        ("checkVerificationStatus", json!({}), "REQUEST_ID_REQUIRED"),
        (
            "checkVerificationStatus",
            json!({ "request_id": "junk" }),
            "REQUEST_ID_INVALID",
        ),
        (
            "revokeVerificationMessage",
            json!({ "request_id": null }),
            "REQUEST_ID_REQUIRED",
        ),
        (
            "revokeVerificationMessage",
            json!({ "request_id": "99" }),
            "REQUEST_ID_INVALID",
        ),
        ("sendMessage", json!({}), "UNKNOWN_METHOD"),
        ("sendVerificationMessage/x", json!({}), "UNKNOWN_METHOD"),
    ] {
        assert_eq!(
            subject.error(method, params.clone()).await,
            error,
            "{method} {params}"
        );
    }
}

#[tokio::test]
async fn a_valid_token_is_required() {
    let subject = Subject::start_with(|options| options.telegram_token = Some(TOKEN.to_owned()));
    let url = subject.url("/checkSendAbility");
    let ask = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: serde_json::Value = answer.json().await.unwrap();
        answer["error"].as_str().unwrap_or("none").to_owned()
    };
    let get = || subject.http.get(&url).query(&[("phone_number", ORDINARY)]);
    assert_eq!(ask(get()).await, "ACCESS_TOKEN_REQUIRED");
    assert_eq!(ask(get().bearer_auth("")).await, "ACCESS_TOKEN_REQUIRED");
    assert_eq!(
        ask(get().bearer_auth("other")).await,
        "ACCESS_TOKEN_INVALID"
    );
    assert_eq!(
        ask(get().query(&[("access_token", "other")])).await,
        "ACCESS_TOKEN_INVALID"
    );
    assert_eq!(ask(get().query(&[("access_token", TOKEN)])).await, "none");
    assert_eq!(
        ask(get().header("authorization", "bearer TEST_TOKEN")).await,
        "none"
    );
}

#[tokio::test]
async fn requests_of_other_accounts_are_unknown() {
    let subject = Subject::start();
    let params = json!({ "phone_number": ORDINARY, "code": "1234" });
    let sent = subject.ok("sendVerificationMessage", params).await;
    let url = subject.url("/telegram/checkVerificationStatus");
    let params = json!({ "request_id": sent["request_id"], "access_token": "another" });
    let answer = subject.http.post(url).json(&params).send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer["error"], "REQUEST_ID_INVALID");
}

#[tokio::test]
async fn query_form_and_json_are_accepted_at_any_spelling_of_the_path() {
    let subject = Subject::start();
    let form = [
        ("phone_number", ORDINARY),
        ("code_length", "6"),
        ("ttl", "60"),
        ("sender_username", "x"),
    ];
    let bearer = |request: reqwest::RequestBuilder| request.bearer_auth(TOKEN);
    let http = &subject.http;
    let all = json!({ "phone_number": 15_550_100_100_u64, "code": "1234", "code_length": 99, "ttl": "60", "request_id": null,
                      "callback_url": "", "payload": null, "unknown": { "a": [] }, "access_token": TOKEN });
    for request in [
        bearer(
            http.get(subject.url("/sendVerificationMessage"))
                .query(&form),
        ),
        bearer(
            http.post(subject.url("/telegram/SENDVERIFICATIONMESSAGE"))
                .query(&form),
        ),
        bearer(
            http.post(subject.url("//sendverificationmessage"))
                .form(&form),
        ),
        bearer(
            http.post(subject.url("/telegram//sendVerificationMessage/"))
                .form(&form),
        ),
        http.post(subject.url("/telegram/sendVerificationMessage"))
            .json(&all),
        http.post(subject.url("/sendVerificationMessage"))
            .header("content-type", "text/plain")
            .body(all.to_string()),
        // Half in the query, half in the body; the `+` unescaped.
        http.post(
            subject.url("/sendVerificationMessage?phone_number=+15550100100&code=99999999999"),
        )
        .json(&json!({ "code": "1234", "access_token": TOKEN })),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json");
        let answer: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
        assert_eq!(answer["result"]["phone_number"], "15550100100");
    }
}

#[tokio::test]
async fn malformed_requests_are_answered() {
    let subject = Subject::start();
    let url = subject.url("/telegram/sendVerificationMessage");
    for body in [
        "{".to_owned(),
        "[1,2]".to_owned(),
        "[".repeat(50_000),
        "%%%=%&&&".to_owned(),
        "\u{0}\u{1}".to_owned(),
    ] {
        let request = subject.http.post(&url).bearer_auth(TOKEN).body(body);
        let answer = request.header("content-type", "application/json").send();
        let answer: serde_json::Value = answer.await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"], "PHONE_NUMBER_INVALID");
    }
    let request = subject.http.post(&url).bearer_auth(TOKEN);
    let answer = request.body("x".repeat(70_000)).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    let request = subject
        .http
        .post(&url)
        .header("sec-fetch-site", "cross-site");
    assert_eq!(request.send().await.unwrap().status(), 403);
    let answer = subject.http.delete(&url).bearer_auth(TOKEN).send().await;
    let answer: serde_json::Value = answer.unwrap().json().await.unwrap();
    assert_eq!(answer["error"], "UNKNOWN_METHOD");
}

#[tokio::test]
async fn codes_are_checked_and_five_may_be_wrong() {
    let subject = Subject::start();
    let params = json!({ "phone_number": ORDINARY, "code_length": "5" });
    let sent = subject.ok("sendVerificationMessage", params).await;
    let id = &sent["request_id"];
    let status = json!({ "request_id": id, "code": "" });
    let status = subject.ok("checkVerificationStatus", status).await;
    assert!(status.get("verification_status").is_none());
    assert!(status.get("remaining_balance").is_none());

    subject.advance(1);
    let code = subject.messages(ORDINARY).await[0]["code"].clone();
    assert_eq!(code.as_str().unwrap().len(), 5);
    let check = async |code: &serde_json::Value| {
        let params = json!({ "request_id": id, "code": code });
        let status = subject.ok("checkVerificationStatus", params).await;
        assert_eq!(&status["verification_status"]["code_entered"], code);
        status["verification_status"]["status"].clone()
    };
    for _ in 0..4 {
        assert_eq!(check(&json!("0000")).await, "code_invalid");
        assert_eq!(check(&code).await, "code_valid");
    }
    assert_eq!(check(&json!("0000")).await, "code_invalid");
    assert_eq!(check(&json!("0000")).await, "code_max_attempts_exceeded");
    assert_eq!(check(&code).await, "code_max_attempts_exceeded");
}

#[tokio::test]
async fn a_revocation_removes_only_undelivered_messages() {
    let subject = Subject::start();
    let params = json!({ "phone_number": ORDINARY, "code": "1234" });
    let early = subject.ok("sendVerificationMessage", params.clone()).await;
    let revoke = json!({ "request_id": early["request_id"] });
    let text = subject
        .raw("revokeVerificationMessage", revoke.clone())
        .await;
    assert_eq!(text, r#"{"ok":true,"result":true}"#);
    subject.advance(10);
    assert!(subject.messages(ORDINARY).await.is_empty());
    let status = subject.ok("checkVerificationStatus", revoke).await;
    assert_eq!(status["delivery_status"]["status"], "revoked");
    assert_eq!(status["verification_status"]["status"], "expired");
    assert!(status.get("is_refunded").is_none());

    let late = subject.ok("sendVerificationMessage", params).await;
    subject.advance(1);
    let revoke = json!({ "request_id": late["request_id"] });
    subject
        .ok("revokeVerificationMessage", revoke.clone())
        .await;
    subject.advance(5);
    let status = subject.ok("checkVerificationStatus", revoke).await;
    assert_eq!(status["delivery_status"]["status"], "read");
    assert_eq!(status["verification_status"]["status"], "expired");
    let check = json!({ "request_id": late["request_id"], "code": "1234" });
    let status = subject.ok("checkVerificationStatus", check).await;
    assert_eq!(status["verification_status"]["status"], "expired");
    assert_eq!(subject.messages(ORDINARY).await.len(), 1);
}
