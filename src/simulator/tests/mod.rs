//! Tests of the simulator over HTTP, on port 0, with a manual clock.

mod callbacks;
mod magic;
mod page;
mod phones;
mod reports;
mod sms;
mod telegram;

use std::collections::{HashMap, VecDeque};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Options, Pace, Simulator};
use crate::clock::Clock;

const TOKEN: &str = "TEST_TOKEN";
const ORDINARY: &str = "+15550100100";
/// Timeout for an expected report.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to listen for a report that must not arrive.
const SILENCE: Duration = Duration::from_millis(250);

struct Subject {
    simulator: Simulator,
    clock: Clock,
    http: reqwest::Client,
    origin: String,
}

impl Subject {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = Clock::manual(DateTime::<Utc>::from_timestamp(1_700_000_000, 0).unwrap());
        let mut options = Options {
            clock: clock.clone(),
            pace: Pace {
                slow_answer: Duration::from_millis(300),
                ..Pace::default()
            },
            ..Options::default()
        };
        change(&mut options);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let simulator = Simulator::start(listener, options).unwrap();
        let origin = format!("http://{}", simulator.address());
        #[expect(clippy::disallowed_methods, reason = "the test is an external caller")]
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            simulator,
            clock,
            http,
            origin,
        }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(self.url(path)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// POSTs JSON with the token and returns the response text.
    async fn raw(&self, method: &str, params: Value) -> String {
        let url = self.url(&format!("/telegram/{method}"));
        let request = self.http.post(url).bearer_auth(TOKEN).json(&params);
        request.send().await.unwrap().text().await.unwrap()
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        serde_json::from_str(&self.raw(method, params).await).unwrap()
    }

    async fn error(&self, method: &str, params: Value) -> String {
        let answer = self.call(method, params).await;
        assert_eq!(answer["ok"], false, "{answer}");
        answer["error"].as_str().unwrap().to_owned()
    }

    async fn ok(&self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer["result"].clone()
    }

    async fn messages(&self, number: &str) -> Vec<Value> {
        let answer = self.get(&format!("/phones/{number}/messages")).await;
        answer["items"].as_array().unwrap().clone()
    }
}

#[derive(Debug)]
struct Received {
    headers: HashMap<String, String>,
    text: String,
    json: Value,
}

impl Received {
    fn delivery(&self) -> &str {
        self.json["delivery_status"]["status"].as_str().unwrap()
    }
}

/// Receives reports. Answers with the statuses given to `answer_first`, then with 200.
struct Receiver {
    url: String,
    received: UnboundedReceiver<Received>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    redirect: Arc<Mutex<Option<String>>>,
    server: ServerHandle,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl Receiver {
    fn start() -> Self {
        type Shared = (
            UnboundedSender<Received>,
            Arc<Mutex<VecDeque<u16>>>,
            Arc<Mutex<Option<String>>>,
        );
        async fn receive(shared: Data<Shared>, http: HttpRequest, body: Bytes) -> HttpResponse {
            let headers = http.headers().iter();
            let headers = headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            let text = String::from_utf8(body.to_vec()).unwrap();
            let json = serde_json::from_str(&text).unwrap();
            let status = shared.1.lock().unwrap().pop_front().unwrap_or(200);
            let _ = shared.0.send(Received {
                headers,
                text,
                json,
            });
            if let Some(target) = shared.2.lock().unwrap().clone() {
                return HttpResponse::TemporaryRedirect()
                    .insert_header(("location", target))
                    .finish();
            }
            HttpResponse::build(status.try_into().unwrap()).finish()
        }
        let (sender, received) = unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let redirect = Arc::new(Mutex::new(None));
        let shared: Data<Shared> = Data::new((sender, Arc::clone(&answers), Arc::clone(&redirect)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .default_service(web::to(receive))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            url,
            received,
            answers,
            redirect,
            server: handle,
        }
    }

    fn answer_first(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    /// Answers every report with a redirect.
    fn redirect_to(&self, url: &str) {
        *self.redirect.lock().unwrap() = Some(url.to_owned());
    }

    async fn next(&mut self) -> Received {
        tokio::time::timeout(PATIENCE, self.received.recv())
            .await
            .expect("a report arrives in time")
            .unwrap()
    }

    async fn expect_silence(&mut self) {
        let report = tokio::time::timeout(SILENCE, self.received.recv()).await;
        assert!(report.is_err(), "{report:?}");
    }
}
