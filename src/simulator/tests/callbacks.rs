//! Where reports may be posted, over the wire of both providers.

use serde_json::{Value, json};

use super::{ORDINARY, Receiver, Subject};

async fn sms(subject: &Subject, callback: &str) -> (u16, Value) {
    let params = json!({ "to": ORDINARY, "text": "1234", "dlr": callback });
    let request = subject.http.post(subject.url("/sms/send")).json(&params);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn telegram(callback: &str) -> Value {
    json!({ "phone_number": ORDINARY, "code": "1234", "callback_url": callback })
}

#[tokio::test]
async fn a_send_that_names_another_host_is_refused_and_nothing_is_sent() {
    let subject = Subject::start();
    for elsewhere in [
        "https://shop.example/hook",
        "http://127.0.0.1@shop.example/",
        "http://2852039166/latest/meta-data",
        "http://0xa9fea9fe/",
        "http://[::ffff:169.254.169.254]/",
        "http://localhost.shop.example/",
    ] {
        let error = subject.error("sendVerificationMessage", telegram(elsewhere));
        assert_eq!(error.await, "CALLBACK_URL_INVALID", "{elsewhere}");
        let (status, answer) = sms(&subject, elsewhere).await;
        assert_eq!(status, 400, "{elsewhere}");
        assert_eq!(answer["status"], "error");
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains("simulator_callbacks"), "{error}");
    }
    subject.advance(5);
    assert!(subject.messages(ORDINARY).await.is_empty());
}

#[tokio::test]
async fn localhost_and_listed_hosts_are_called() {
    let mut receiver = Receiver::start();
    let (subject, here) = (Subject::start(), receiver.url.clone());
    let by_name = here.replace("127.0.0.1", "localhost");
    subject
        .ok("sendVerificationMessage", telegram(&by_name))
        .await;
    subject.advance(1);
    assert_eq!(receiver.next().await.delivery(), "delivered");

    let subject = Subject::start_with(|options| {
        options.callbacks = vec!["https://hooks.example".parse().unwrap()];
    });
    let hook = "https://hooks.example/pinroute";
    subject.ok("sendVerificationMessage", telegram(hook)).await;
    assert_eq!(sms(&subject, hook).await.0, 200);
    let other = "https://other.example/pinroute";
    assert_eq!(sms(&subject, other).await.0, 400);
}

#[tokio::test]
async fn a_redirect_of_a_report_is_not_followed() {
    let (subject, mut receiver) = (Subject::start(), Receiver::start());
    let mut target = Receiver::start();
    receiver.redirect_to(&target.url);
    assert_eq!(sms(&subject, &receiver.url).await.0, 200);
    subject.advance(1);
    receiver.next().await;
    target.expect_silence().await;
}
