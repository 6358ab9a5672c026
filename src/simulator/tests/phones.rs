//! Tests of the virtual phones.

use serde_json::json;

use super::{ORDINARY, Subject};

#[tokio::test]
async fn messages_are_listed_newest_first_under_any_spelling_of_the_number() {
    let subject = Subject::start();
    let first = json!({ "phone_number": ORDINARY, "code": "111111" });
    subject.ok("sendVerificationMessage", first).await;
    assert!(subject.messages(ORDINARY).await.is_empty());
    subject.advance(1);
    let second = json!({ "phone_number": ORDINARY, "code": "222222" });
    subject.ok("sendVerificationMessage", second).await;
    subject.advance(2);
    let expected = [
        json!({ "channel": "telegram", "text": "Your code is 222222", "code": "222222",
                "at": "2023-11-14T22:13:22.000Z", "status": "delivered" }),
        json!({ "channel": "telegram", "text": "Your code is 111111", "code": "111111",
                "at": "2023-11-14T22:13:21.000Z", "status": "read" }),
    ];
    for spelling in [
        "+15550100100",
        "%2B15550100100",
        "%2b15550100100",
        "15550100100",
    ] {
        assert_eq!(subject.messages(spelling).await, expected, "{spelling}");
    }
    let phones = subject.get("/phones").await;
    assert_eq!(
        phones,
        json!({ "items": [{ "phone_number": ORDINARY, "messages": expected }] })
    );
}

#[tokio::test]
async fn an_unknown_phone_is_empty_and_an_invalid_number_is_a_problem() {
    let subject = Subject::start();
    assert!(subject.messages("+15550100999").await.is_empty());
    let answer = subject
        .http
        .get(subject.url("/phones/12x/messages"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "invalid_request");
}
