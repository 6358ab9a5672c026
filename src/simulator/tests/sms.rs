//! The SMS provider's API.

use serde_json::{Value, json};

use super::{Receiver, Subject};

async fn send(subject: &Subject, params: Value) -> (u16, Value) {
    let request = subject.http.post(subject.url("/sms/send")).json(&params);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_message_is_accepted_delivered_and_reported() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    receiver.answer_first(&[500]);
    let params =
        json!({ "to": "+998901230001", "text": "Код 482913", "ref": "r1", "dlr": receiver.url });
    let (status, answer) = send(&subject, params).await;
    assert_eq!(status, 200);
    assert_eq!(answer["status"], "ok");
    assert_eq!(answer["segments"], 1);
    let id = answer["message_id"].as_str().unwrap();
    assert!(id.starts_with("sm_"));
    assert!(subject.messages("998901230001").await.is_empty());
    subject.advance(1);
    let expected =
        json!({ "message_id": id, "ref": "r1", "status": "DELIVRD", "to": "+998901230001" });
    assert_eq!(receiver.next().await.json, expected);
    receiver.expect_silence().await;
    subject.advance(1);
    assert_eq!(receiver.next().await.json, expected, "500 is retried");
    let messages = subject.messages("998901230001").await;
    assert_eq!(
        messages,
        [
            json!({ "channel": "sms", "text": "Код 482913", "code": "482913",
                 "at": "2023-11-14T22:13:21.000Z", "status": "delivered" })
        ]
    );
}

#[tokio::test]
async fn magic_numbers_refuse_fail_report_twice_or_never() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let params = |to: &str| json!({ "to": to, "text": "1234", "dlr": receiver.url });
    let (status, answer) = send(&subject, params("15550100009")).await;
    assert_eq!(status, 200);
    assert_eq!(answer["status"], "error");
    assert_eq!(answer["error_code"], "7");

    let eight = params("15550100008");
    let (ten, eleven) = (params("15550100010"), params("15550100011"));
    assert_eq!(send(&subject, eight).await.1["status"], "ok");
    subject.advance(1);
    assert_eq!(receiver.next().await.json["status"], "UNDELIV");
    assert!(subject.messages("15550100008").await.is_empty());

    assert_eq!(send(&subject, ten).await.1["status"], "ok");
    subject.advance(1);
    for _ in 0..2 {
        assert_eq!(receiver.next().await.json["status"], "DELIVRD");
    }
    assert_eq!(send(&subject, eleven).await.1["status"], "ok");
    subject.advance(1);
    receiver.expect_silence().await;
}

#[tokio::test]
async fn numbers_0002_to_0007_are_delivered_normally() {
    let subject = Subject::start();
    for ending in 2..=7 {
        let to = format!("+1555010000{ending}");
        let (_, answer) = send(&subject, json!({ "to": to, "text": "code 1234" })).await;
        assert_eq!(answer["status"], "ok");
        subject.advance(1);
        assert_eq!(subject.messages(&to).await.len(), 1);
    }
}

#[tokio::test]
async fn query_form_and_json_are_accepted_and_invalid_requests_get_400() {
    let subject = Subject::start();
    let url = subject.url("/sms/send");
    let fields = [("to", "+15550100100"), ("text", "Your code is 1234")];
    for request in [
        subject.http.get(&url).query(&fields),
        subject.http.post(&url).query(&fields),
        subject.http.post(&url).form(&fields),
    ] {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "ok", "{answer}");
    }
    for (params, code) in [
        (json!({ "text": "x" }), 400),
        (json!({ "to": "+15550100100" }), 400),
        (json!({ "to": "+15550100100", "text": "" }), 400),
        (
            json!({ "to": "+15550100100", "text": "x", "dlr": "http://shop.example/" }),
            400,
        ),
        (
            json!({ "to": "+15550100100", "text": "x".repeat(1601) }),
            400,
        ),
        (json!(["junk"]), 400),
        (json!({ "to": "junk", "text": "x" }), 200),
    ] {
        let (status, answer) = send(&subject, params.clone()).await;
        assert_eq!(status, code, "{params}");
        assert_eq!(answer["status"], "error");
        assert!(answer["error"].is_string());
        assert_eq!(answer.get("error_code").is_some(), code == 200);
    }
}
