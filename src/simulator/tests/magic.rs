//! Behaviour of each magic number.

use serde_json::json;

use super::{Receiver, SILENCE, Subject, TOKEN};
use crate::simulator::digest::TokenHash;

const SEND: &str = "sendVerificationMessage";

#[tokio::test]
async fn refusals_cost_nothing() {
    let subject = Subject::start();
    for (number, error) in [
        ("+15550100001", "PHONE_NUMBER_NOT_AVAILABLE"),
        ("+15550100003", "BALANCE_NOT_ENOUGH"),
        ("+998901230004", "FLOOD_WAIT_7"),
        ("+15550100008", "PHONE_NUMBER_NOT_AVAILABLE"),
        ("+15550100009", "PHONE_NUMBER_NOT_AVAILABLE"),
    ] {
        let params = json!({ "phone_number": number, "code": "1234" });
        assert_eq!(subject.error(SEND, params.clone()).await, error);
        assert_eq!(subject.error("checkSendAbility", params).await, error);
    }
    let check = json!({ "phone_number": "+15550100100" });
    let checked = subject.ok("checkSendAbility", check).await;
    assert_eq!(checked["remaining_balance"], json!(99.99));
}

#[tokio::test]
async fn number_0002_expires_refunded_and_is_never_shown() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let number = "+15550100002";
    let params =
        json!({ "phone_number": number, "code": "1234", "ttl": 30, "callback_url": receiver.url });
    let sent = subject.ok(SEND, params).await;
    let ask = json!({ "request_id": sent["request_id"] });
    subject.advance(29);
    let status = subject.ok("checkVerificationStatus", ask.clone()).await;
    assert_eq!(status["delivery_status"]["status"], "sent");
    receiver.expect_silence().await;
    subject.advance(1);
    let report = receiver.next().await;
    assert!(
        report.text.contains(
            r#""request_cost":0.01,"is_refunded":true,"delivery_status":{"status":"expired""#
        ),
        "{}",
        report.text
    );
    let status = subject.ok("checkVerificationStatus", ask).await;
    assert_eq!(status, report.json);
    assert!(subject.messages(number).await.is_empty());
    let check = json!({ "phone_number": "+15550100100" });
    let checked = subject.ok("checkSendAbility", check).await;
    assert_eq!(
        checked["remaining_balance"],
        json!(99.99),
        "0.01 was refunded"
    );
}

#[tokio::test]
async fn number_0002_without_a_ttl_stays_sent() {
    let subject = Subject::start();
    let params = json!({ "phone_number": "+15550100002", "code": "1234" });
    let sent = subject.ok(SEND, params).await;
    subject.advance(1_000_000);
    let ask = json!({ "request_id": sent["request_id"] });
    let status = subject.ok("checkVerificationStatus", ask).await;
    assert_eq!(status["delivery_status"]["status"], "sent");
}

#[tokio::test]
async fn the_ttl_can_be_scaled() {
    let subject = Subject::start_with(|options| options.pace.ttl_scale = 0.01);
    let params = json!({ "phone_number": "+15550100002", "code": "1234", "ttl": 100 });
    let sent = subject.ok(SEND, params).await;
    subject.advance(1);
    let ask = json!({ "request_id": sent["request_id"] });
    let status = subject.ok("checkVerificationStatus", ask).await;
    assert_eq!(status["delivery_status"]["status"], "expired");
}

#[tokio::test]
async fn number_0005_answers_http_500_and_sends_nothing() {
    let subject = Subject::start();
    let url = subject.url("/telegram/sendVerificationMessage");
    let params = json!({ "phone_number": "+15550100005", "code": "1234" });
    let request = subject.http.post(url).bearer_auth(TOKEN).json(&params);
    assert_eq!(request.send().await.unwrap().status(), 500);
    subject.advance(60);
    assert!(subject.messages("15550100005").await.is_empty());
}

#[tokio::test]
async fn number_0006_is_sent_late_even_if_the_caller_hangs_up() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let params = json!({ "phone_number": "+15550100006", "code": "1234", "payload": "ours", "callback_url": receiver.url });
    let url = subject.url("/telegram/sendVerificationMessage");
    let request = subject.http.post(url).bearer_auth(TOKEN).json(&params);
    let impatient = request.timeout(std::time::Duration::from_millis(50));
    assert!(
        impatient
            .send()
            .await
            .is_err_and(|error| error.is_timeout())
    );
    // It is accepted after 300 ms of real time; from then on the manual clock counts.
    receiver.expect_silence().await;
    let mut report = None;
    for _ in 0..40 {
        subject.advance(1);
        report = tokio::time::timeout(SILENCE, receiver.received.recv())
            .await
            .ok()
            .flatten();
        if report.is_some() {
            break;
        }
    }
    assert_eq!(report.unwrap().json["payload"], "ours");
    assert_eq!(subject.messages("15550100006").await[0]["code"], "1234");
    // A caller that waits gets an answer.
    let sent = subject.ok(SEND, params).await;
    assert_eq!(sent["delivery_status"]["status"], "sent");
}

#[tokio::test]
async fn number_0007_is_sent_despite_a_broken_answer() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let params = json!({ "phone_number": "+15550100007", "code": "1234", "payload": "ours", "callback_url": receiver.url });
    let text = subject.raw(SEND, params).await;
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());
    assert!(text.starts_with(r#"{"ok":true,"result":{"request_id":""#));
    subject.advance(1);
    assert_eq!(receiver.next().await.json["payload"], "ours");
    assert_eq!(subject.messages("15550100007").await.len(), 1);
}

#[tokio::test]
async fn number_0010_reports_twice_and_read_before_delivered() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let params =
        json!({ "phone_number": "+15550100010", "code": "1234", "callback_url": receiver.url });
    subject.ok(SEND, params).await;
    subject.advance(1);
    receiver.expect_silence().await;
    subject.advance(2);
    for expected in ["read", "read", "delivered", "delivered"] {
        assert_eq!(receiver.next().await.delivery(), expected);
    }
    receiver.expect_silence().await;
}

#[tokio::test]
async fn number_0011_never_reports_and_must_be_polled() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let params =
        json!({ "phone_number": "+15550100011", "code": "1234", "callback_url": receiver.url });
    let sent = subject.ok(SEND, params).await;
    subject.advance(3);
    receiver.expect_silence().await;
    let ask = json!({ "request_id": sent["request_id"] });
    let status = subject.ok("checkVerificationStatus", ask).await;
    assert_eq!(status["delivery_status"]["status"], "read");
}

#[tokio::test]
async fn number_0012_reports_with_a_wrong_signature() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let params =
        json!({ "phone_number": "+15550100012", "code": "1234", "callback_url": receiver.url });
    subject.ok(SEND, params).await;
    subject.advance(1);
    let report = receiver.next().await;
    let right = TokenHash::of(TOKEN).sign(&report.headers["x-request-timestamp"], &report.text);
    let given = &report.headers["x-request-signature"];
    assert_eq!(given.len(), right.len());
    assert_ne!(given, &right);
}
