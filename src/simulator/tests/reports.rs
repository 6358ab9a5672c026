//! Telegram's delivery reports: content, timing, signatures and retries.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ORDINARY, Receiver, Subject, TOKEN};
use crate::simulator::digest::TokenHash;

fn send(number: &str, receiver: &Receiver) -> Value {
    json!({ "phone_number": number, "code": "1234", "ttl": 60, "payload": "ours", "callback_url": receiver.url })
}

#[tokio::test]
async fn delivered_and_read_are_reported_and_signed() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let params = send(ORDINARY, &receiver);
    let sent = subject.ok("sendVerificationMessage", params).await;
    receiver.expect_silence().await;
    subject.advance(1);
    let report = receiver.next().await;
    assert_eq!(
        report.text,
        format!(
            r#"{{"request_id":{},"phone_number":"15550100100","request_cost":0.01,"delivery_status":{{"status":"delivered","updated_at":1700000001}},"payload":"ours"}}"#,
            sent["request_id"]
        )
    );
    assert_eq!(report.headers["x-request-timestamp"], "1700000001");
    let signature = TokenHash::of(TOKEN).sign("1700000001", &report.text);
    assert_eq!(report.headers["x-request-signature"], signature);
    assert_eq!(report.headers["content-type"], "application/json");
    subject.advance(2);
    assert_eq!(receiver.next().await.delivery(), "read");
    subject.advance(3600);
    receiver.expect_silence().await;
}

#[tokio::test]
async fn a_clock_jump_skips_no_report() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let params = send(ORDINARY, &receiver);
    subject.ok("sendVerificationMessage", params).await;
    subject.advance(1000);
    let mut seen = [
        receiver.next().await.delivery().to_owned(),
        receiver.next().await.delivery().to_owned(),
    ];
    seen.sort();
    assert_eq!(seen, ["delivered", "read"]);
}

#[tokio::test]
async fn only_200_acknowledges_and_each_retry_is_signed_anew() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    receiver.answer_first(&[204, 500]);
    let params = send(ORDINARY, &receiver);
    subject.ok("sendVerificationMessage", params).await;
    subject.advance(1);
    let mut report = receiver.next().await;
    let first = report.text.clone();
    for (wait, timestamp) in [(1, "1700000002"), (2, "1700000004")] {
        receiver.expect_silence().await;
        subject.advance(wait);
        report = receiver.next().await;
        while report.delivery() == "read" {
            report = receiver.next().await;
        }
        assert_eq!(report.text, first);
        assert_eq!(report.headers["x-request-timestamp"], timestamp);
        let signature = TokenHash::of(TOKEN).sign(timestamp, &report.text);
        assert_eq!(report.headers["x-request-signature"], signature);
    }
}

#[tokio::test]
async fn a_report_is_tried_ten_times() {
    let subject = Subject::start_with(|options| {
        options.pace.callback_retry = Duration::ZERO;
        options.pace.read_after = Duration::from_secs(1_000_000);
    });
    let mut receiver = Receiver::start();
    receiver.answer_first(&[503; 20]);
    let params = send(ORDINARY, &receiver);
    subject.ok("sendVerificationMessage", params).await;
    subject.advance(1);
    for _ in 0..10 {
        assert_eq!(receiver.next().await.delivery(), "delivered");
    }
    receiver.expect_silence().await;
}

#[tokio::test]
async fn a_revocation_is_reported() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let params = send(ORDINARY, &receiver);
    let sent = subject.ok("sendVerificationMessage", params).await;
    let revoke = json!({ "request_id": sent["request_id"] });
    subject.ok("revokeVerificationMessage", revoke).await;
    let report = receiver.next().await;
    assert_eq!(report.delivery(), "revoked");
    assert_eq!(report.json["verification_status"]["status"], "expired");
    subject.advance(3600);
    receiver.expect_silence().await;
}

#[tokio::test]
async fn the_system_clock_works_too_and_stopping_is_prompt() {
    let subject = Subject::start_with(|options| {
        options.clock = crate::clock::Clock::system();
        options.pace.delivered_after = Duration::from_millis(30);
        options.pace.read_after = Duration::from_millis(60);
        options.pace.slow_answer = Duration::from_mins(10);
    });
    let mut receiver = Receiver::start();
    for number in [ORDINARY, "+15550100002"] {
        let params = send(number, &receiver);
        subject.ok("sendVerificationMessage", params).await;
    }
    for _ in ["delivered", "read"] {
        receiver.next().await;
    }
    let url = subject.url("/telegram/checkSendAbility?phone_number=15550100006");
    let slow = tokio::spawn(subject.http.get(url).bearer_auth(TOKEN).send());
    receiver.expect_silence().await;
    let stopped = tokio::time::timeout(Duration::from_secs(3), subject.simulator.stop()).await;
    assert!(stopped.is_ok());
    let answer = slow.await.unwrap();
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 503));
}
