//! Tests of the virtual phones and the page.

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

#[tokio::test]
async fn the_page_loads_nothing_from_other_hosts() {
    let subject = Subject::start_with(|options| {
        options.gateway = Some(crate::simulator::Gateway {
            url: "http://127.0.0.1:8080".to_owned(),
            address: "127.0.0.1:8080".parse().unwrap(),
            api_key: "pin_of_the_sandbox".to_owned(),
        });
    });
    let page = subject.http.get(subject.url("/")).send().await.unwrap();
    assert!(page.headers().contains_key("content-security-policy"));
    let page = page.text().await.unwrap();
    assert!(page.contains("<title>Pinroute sandbox</title>"));
    assert!(page.contains("Sandbox"));
    for path in ["/page.css", "/page.js", "/site.js", "/livez"] {
        let answer = subject.http.get(subject.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        assert!(!text.contains("https://") && !text.contains("innerHTML"));
    }
    let settings = subject.get("/settings").await;
    assert_eq!(settings["gateway_url"], "http://127.0.0.1:8080");
    assert_eq!(settings["numbers"].as_array().unwrap().len(), 13);
}
