//! Clients of the program: HTTP requests as a site makes them, and background jobs run on demand.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use pinroute::gateway::Gateway;
use pinroute::verification::Verification;
use pinroute::verification::id::{AttemptId, VerificationId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Stage;
use crate::world::{self, TOKEN};

/// A program running in this process.
#[derive(Clone)]
pub struct TestApp {
    pub client: Client,
    pub gateway: Gateway,
}

impl std::ops::Deref for TestApp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl TestApp {
    /// Does the work due for a verification and returns it as the API shows it.
    pub async fn settle(&self, id: &Value) -> Value {
        self.settled(id).await;
        self.find(id).await
    }

    pub async fn settled(&self, id: &Value) -> Verification {
        let id = VerificationId::from_uuid(Uuid::parse_str(word(id)).unwrap());
        let settled =
            tokio::time::timeout(Duration::from_secs(30), self.gateway.verify().settle(id)).await;
        settled.expect("work comes to an end").unwrap()
    }

    /// Advances the clock, then does the work due.
    pub async fn later(&self, id: &Value, seconds: u64) -> Value {
        self.stage.advance(seconds);
        self.settle(id).await
    }

    /// Sends a report signed with the current token, then does the work it makes due.
    pub async fn telegram_reports(&self, report: &Value) -> Reply {
        let reply = self
            .telegram_reports_signed(report, TOKEN, self.stage.clock.now())
            .await;
        let attempt = report["payload"]
            .as_str()
            .and_then(|id| Uuid::parse_str(id).ok());
        if let Some(attempt) = attempt.filter(|_| reply.status == 200) {
            let id = AttemptId::from_uuid(attempt).verification();
            if self.stage.db.find(id).await.unwrap().is_some() {
                self.settled(&json!(id.uuid())).await;
            }
        }
        reply
    }
}

/// An HTTP client of a program, with the stage's key.
#[derive(Clone)]
pub struct Client {
    pub stage: Stage,
    pub base: String,
    pub key: String,
}

impl Client {
    /// A client of the same program with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(reqwest::Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(reqwest::Method::POST, path).json(&body))
            .await
    }

    /// `POST` with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Reply {
        let request = self
            .request(reqwest::Method::POST, path)
            .header("Idempotency-Key", key);
        self.send(request.json(&body)).await
    }

    /// A request with the key, to be sent with [`TestApp::send`].
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        CLIENT
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.key)
    }

    /// A request without an API key.
    pub fn open_request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        CLIENT.request(method, format!("{}{path}", self.base))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("the answer is whole");
        assert!(
            headers.contains_key("x-request-id"),
            "no x-request-id on {status}"
        );
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply {
            status,
            headers,
            text,
            body,
        }
    }

    /// `POST` to a server that may be killed: `None` without an answer.
    pub async fn try_post(&self, path: &str, body: &Value, status: u16) -> Option<Value> {
        let response = self
            .request(reqwest::Method::POST, path)
            .json(body)
            .send()
            .await
            .ok()?;
        let actual = response.status().as_u16();
        let text = response.text().await.ok()?;
        assert_eq!(actual, status, "{text}");
        Some(serde_json::from_str(&text).unwrap())
    }

    pub async fn start(&self, body: Value) -> Reply {
        self.post("/v1/verifications", body).await
    }

    /// Starts a verification of a new number and returns it.
    pub async fn started(&self) -> Value {
        self.start(json!({ "phone_number": self.stage.number() }))
            .await
            .expect(201)
    }

    pub async fn find(&self, id: &Value) -> Value {
        self.get(&format!("/v1/verifications/{}", word(id)))
            .await
            .expect(200)
    }

    pub async fn check(&self, id: &Value, code: &str) -> Reply {
        self.post(
            &format!("/v1/verifications/{}/check", word(id)),
            json!({ "code": code }),
        )
        .await
    }

    pub async fn resend(&self, id: &Value, body: Value) -> Reply {
        self.post(&format!("/v1/verifications/{}/resend", word(id)), body)
            .await
    }

    pub async fn cancel(&self, id: &Value) -> Reply {
        self.post(&format!("/v1/verifications/{}/cancel", word(id)), json!({}))
            .await
    }

    /// The types of the verification's events, oldest first.
    pub async fn events(&self, id: &Value) -> Vec<String> {
        let events = self
            .get(&format!("/v1/verifications/{}/events", word(id)))
            .await
            .expect(200);
        let items = events["items"].as_array().expect("a list");
        items
            .iter()
            .map(|event| word(&event["type"]).to_owned())
            .collect()
    }

    /// A verification's ledger, oldest first: kind, basis, amount.
    pub async fn ledger(&self, id: &Value) -> Vec<(String, String, String)> {
        let page = self
            .get(&format!("/v1/ledger?verification_id={}", word(id)))
            .await
            .expect(200);
        let items = page["items"].as_array().expect("a list");
        let text = |entry: &Value, field: &str| word(&entry[field]).to_owned();
        let entry = |e| (text(e, "kind"), text(e, "basis"), text(e, "amount"));
        items.iter().rev().map(entry).collect()
    }

    pub async fn telegram_reports_signed(
        &self,
        report: &Value,
        token: &str,
        at: DateTime<Utc>,
    ) -> Reply {
        let (body, timestamp) = (report.to_string(), at.timestamp().to_string());
        let request = self
            .open_request(reqwest::Method::POST, "/callbacks/telegram")
            .header("Content-Type", "application/json")
            .header("X-Request-Timestamp", &timestamp)
            .header(
                "X-Request-Signature",
                world::signature(token, &timestamp, &body),
            );
        self.send(request.body(body)).await
    }

    /// The code that the newest Telegram message carried.
    pub fn telegram_code(&self) -> String {
        let send = self
            .stage
            .telegram
            .sends()
            .pop()
            .expect("something was sent");
        word(&send["code"]).to_owned()
    }

    /// A wrong code of the same length.
    pub fn wrong_code(&self) -> String {
        let right = self.telegram_code();
        let last = if right.ends_with('0') { "1" } else { "0" };
        format!("{}{last}", &right[..right.len() - 1])
    }
}

/// For servers outside the stage too.
pub static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' one client; it speaks to ourselves alone"
    )]
    let builder = reqwest::Client::builder();
    // A connection lives on the runtime of the test that opened it: none outlives its test.
    let builder = builder.pool_max_idle_per_host(0).no_proxy();
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
});

/// An HTTP response.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// The JSON body; null if it is not JSON.
    pub body: Value,
}

impl Reply {
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body.clone()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts a complete problem document (RFC 9457).
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, &self.body["code"]),
            (status, &json!(code)),
            "{}",
            self.text
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.body["status"], status);
        for field in ["type", "title", "detail"] {
            assert!(!word(&self.body[field]).is_empty(), "{}", self.text);
        }
        self.body.clone()
    }

    /// The pointers of a fault's `errors`, sorted.
    #[track_caller]
    pub fn pointers(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().expect("a list of errors");
        let mut pointers: Vec<String> = errors
            .iter()
            .map(|e| word(&e["pointer"]).to_owned())
            .collect();
        pointers.sort();
        pointers
    }
}

#[track_caller]
pub fn word(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a string"))
}

/// The object has these fields and no others.
#[track_caller]
pub fn assert_fields(value: &Value, fields: &[&str]) {
    let mut found: Vec<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    let mut wanted = fields.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

/// A newcomer's first minute: sends a code in the sandbox, sees it arrive on the simulated phone, and checks it.
pub async fn first_code(api: &str, phones: &str, key: &str) -> Value {
    let json = async |request: reqwest::RequestBuilder| -> Value {
        let answer = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"))
    };
    let post = |path: &str| CLIENT.post(format!("{api}{path}")).bearer_auth(key);
    let v = json(post("/v1/verifications").json(&json!({ "phone_number": "+998901234567" }))).await;
    let messages = format!("{phones}/phones/+998901234567/messages");
    let arrived = async {
        loop {
            let page = json(CLIENT.get(&messages)).await;
            if let Some(code) = page["items"][0]["code"].as_str() {
                return code.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let code = tokio::time::timeout(Duration::from_secs(30), arrived)
        .await
        .expect("it arrives");
    json(
        post(&format!("/v1/verifications/{}/check", word(&v["id"]))).json(&json!({ "code": code })),
    )
    .await
}
