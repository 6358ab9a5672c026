//! Traces: what a collector, a webhook and a provider receive, and that neither the collector nor the log gets a number, a code or a token.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Once;

use pinroute::config::Log;
use pinroute::telemetry;
use serde_json::{Value, json};

use crate::program::{Server, lines, program};
use crate::stage::{AT_ONCE, SMS, Stage, TestApp, word};
use crate::webhooks::{OPEN, admin, receiver, register};
use crate::world::{Answer, Fake, TOKEN};
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    a_trace_leads_from_the_caller_over_the_send_to_the_webhook,
    a_check_and_a_report_have_traces_of_their_own_and_point_to_the_first,
    the_next_step_belongs_to_the_trace_of_the_start,
    what_a_caller_does_not_record_is_not_recorded_but_passed_on,
    a_malformed_parent_begins_a_trace,
    without_an_endpoint_a_parent_is_passed_on_and_nothing_else,
    a_share_of_the_traces_is_recorded,
    nothing_that_is_recorded_or_logged_tells_a_number_a_code_or_a_token,
    a_request_has_a_line_in_the_log,
    a_collector_that_is_away_is_waited_for_and_logged_once,
    what_a_collector_refuses_is_dropped_and_counted,
    a_collector_that_hangs_delays_no_request_and_no_stop,
);
on_postgres!(another_replica_goes_on_with_the_trace);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const ENDPOINT: &str = "TELEMETRY__OTLP_ENDPOINT";

async fn collector() -> Fake {
    Fake::start(|_| Answer::Json(200, json!({}))).await
}

fn url(fake: &Fake) -> String {
    format!("http://{}", fake.address)
}

/// Starts the program, with spans of the log as `serve` has them.
async fn traced(stage: &Stage, changes: &[(&str, &str)]) -> TestApp {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let silent = Log {
            level: "off".to_owned(),
            ..Log::default()
        };
        telemetry::start_logs(&silent, true).unwrap();
    });
    stage.app_with(changes).await
}

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// A start whose caller is in a trace.
async fn start_within(app: &TestApp, parent: &str, body: Value) -> Value {
    let request = app.request(reqwest::Method::POST, "/v1/verifications");
    let request = request
        .header("traceparent", parent)
        .header("tracestate", "shop=42");
    app.send(request.json(&body)).await.expect(201)
}

/// All spans that have arrived.
fn spans(collector: &Fake) -> Vec<Value> {
    let mut all = Vec::new();
    for seen in collector.seen() {
        assert_eq!(
            (seen.method.as_str(), seen.target.as_str()),
            ("POST", "/v1/traces")
        );
        assert_eq!(seen.header("content-type"), Some("application/json"));
        let body = seen.json();
        let of_one = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
        all.extend(of_one.as_array().unwrap().iter().cloned());
    }
    all
}

fn named<'a>(spans: &'a [Value], name: &str) -> Vec<&'a Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

#[track_caller]
fn only<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let [one] = named(spans, name)[..] else {
        panic!("not one {name}: {spans:#?}");
    };
    one
}

/// An attribute as a text.
fn attribute<'a>(span: &'a Value, key: &str) -> &'a str {
    let all = span["attributes"].as_array().unwrap();
    let found = all.iter().find(|attribute| attribute["key"] == key);
    let value = &found.unwrap_or_else(|| panic!("no {key}: {span:#}"))["value"];
    let text = value["stringValue"].as_str();
    text.or_else(|| value["intValue"].as_str()).unwrap()
}

#[track_caller]
fn is_child(child: &Value, parent: &Value) {
    let place = (&child["traceId"], &child["parentSpanId"]);
    assert_eq!(place, (&parent["traceId"], &parent["spanId"]), "{child:#}");
}

/// OpenTelemetry's own messages read what has arrived, where Python has them.
fn opentelemetry_reads(collector: &Fake) {
    let python = std::env::var("PINROUTE_TEST_PYTHON").unwrap_or_default();
    if python.is_empty() {
        return;
    }
    let mut reader = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/clients/traces.py"
        ))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = reader.stdin.take().unwrap();
    for seen in collector.seen() {
        writeln!(input, "{}", seen.text).unwrap();
    }
    drop(input);
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "it says why on stderr");
    let read = lines(&output.stdout);
    assert_eq!(read.len(), spans(collector).len());
    let request = format!("{TRACE} SPAN_KIND_SERVER STATUS_CODE_UNSET POST /v1/verifications");
    assert!(read.contains(&request), "{read:?}");
}

/// No provider was told of a trace.
fn providers_know_nothing(stage: &Stage) {
    let fakes = [&stage.telegram.fake, &stage.sms.fake, &stage.backup.fake];
    let seen: Vec<_> = fakes.iter().flat_map(|fake| fake.seen()).collect();
    assert!(!seen.is_empty());
    for request in seen {
        for name in ["traceparent", "tracestate", "baggage"] {
            assert_eq!(request.header(name), None, "{request:?}");
        }
    }
}

async fn a_trace_leads_from_the_caller_over_the_send_to_the_webhook(stage: Stage) {
    let collector = collector().await;
    let changes = [
        (ENDPOINT, &*url(&collector)),
        ("TELEMETRY__SERVICE_NAME", "codes"),
        ("TELEMETRY__HEADERS", r#"{"x-api-key":"s3cret"}"#),
        OPEN,
    ];
    let app = traced(&stage, &changes).await;
    let receiver = receiver().await;
    register(&admin(&app).await, &receiver, &["verification.sent"]).await;
    let body = json!({ "phone_number": stage.number() });
    let v = start_within(&app, &parent("01"), body).await;
    app.settle(&v["id"]).await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    stage.stop(app).await;

    let spans = spans(&collector);
    let request = only(&spans, "POST /v1/verifications");
    assert_eq!(
        (&request["traceId"], &request["parentSpanId"]),
        (&json!(TRACE), &json!(CALLER))
    );
    assert_eq!(
        (&request["kind"], &request["flags"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(request["traceState"], "shop=42");
    assert_eq!(attribute(request, "http.route"), "/v1/verifications");
    assert_eq!(attribute(request, "http.response.status_code"), "201");
    let project = stage.project("default").await;
    assert_eq!(
        attribute(request, "pinroute.project"),
        project.0.to_string()
    );
    let start = only(&spans, "start");
    is_child(start, request);
    assert_eq!(attribute(start, "pinroute.verification"), word(&v["id"]));
    let send = only(&spans, "send");
    is_child(send, start);
    assert_eq!(
        attribute(send, "pinroute.attempt"),
        word(&v["attempts"][0]["id"])
    );
    assert_eq!(attribute(send, "pinroute.provider"), "telegram");
    assert_eq!(attribute(send, "pinroute.outcome"), "accepted");
    let commits = named(&spans, "commit");
    let of_start = commits.iter().filter(|commit| commit["traceId"] == TRACE);
    // The verification, and the outcome of its send.
    assert_eq!(
        of_start.inspect(|commit| is_child(commit, start)).count(),
        2
    );
    let webhook = only(&spans, "webhook");
    is_child(webhook, start);
    assert_eq!(attribute(webhook, "pinroute.event"), "verification.sent");
    for span in &spans {
        let time = |name: &str| word(&span[name]).parse::<u64>().unwrap();
        assert!(
            time("startTimeUnixNano") <= time("endTimeUnixNano"),
            "{span}"
        );
        assert_eq!(span["status"], Value::Null, "nothing failed: {span}");
    }

    let [sent] = receiver.seen().try_into().unwrap();
    let told = format!("00-{TRACE}-{}-01", word(&webhook["spanId"]));
    assert_eq!(sent.header("traceparent"), Some(&*told));
    assert_eq!(sent.header("tracestate"), Some("shop=42"));
    providers_know_nothing(&stage);
    opentelemetry_reads(&collector);

    let first = &collector.seen()[0];
    assert_eq!(first.header("x-api-key"), Some("s3cret"));
    let resource = &first.json()["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), "codes");
    assert_eq!(
        attribute(resource, "service.version"),
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(attribute(resource, "service.instance.id").len(), 36);
}

async fn a_check_and_a_report_have_traces_of_their_own_and_point_to_the_first(stage: Stage) {
    let collector = collector().await;
    let app = traced(&stage, &[(ENDPOINT, &url(&collector))]).await;
    let body = json!({ "phone_number": stage.number() });
    let v = start_within(&app, &parent("01"), body).await;
    let report = stage.telegram.status("delivered");
    assert_eq!(app.telegram_reports(&report).await.status, 200);
    app.check(&v["id"], &app.wrong_code()).await.expect(200);
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    app.settle(&v["id"]).await;
    stage.stop(app).await;

    let spans = spans(&collector);
    let start = only(&spans, "start");
    let points_to_start = |span: &Value| {
        let [link] = &span["links"].as_array().unwrap()[..] else {
            panic!("{span:#}");
        };
        let place = (&link["traceId"], &link["spanId"]);
        assert_eq!(place, (&start["traceId"], &start["spanId"]));
        assert_ne!(span["traceId"], TRACE);
    };
    let callback = only(&spans, "POST /callbacks/{provider}");
    assert_eq!(callback["parentSpanId"], Value::Null);
    let report = only(&spans, "report");
    is_child(report, callback);
    points_to_start(report);
    assert_eq!(attribute(report, "pinroute.outcome"), "delivered");
    let commits = named(&spans, "commit");
    let within = |span: &Value| {
        let mut commits = commits.iter();
        commits.any(|commit| commit["parentSpanId"] == span["spanId"])
    };
    assert!(within(report));
    let checks = named(&spans, "check");
    let outcome = |check: &&Value| attribute(check, "pinroute.outcome").to_owned();
    let outcomes: Vec<_> = checks.iter().map(outcome).collect();
    assert_eq!(outcomes, ["wrong", "right"]);
    for check in checks {
        points_to_start(check);
        assert!(within(check));
    }
    // The success is reported within the trace of the start.
    is_child(only(&spans, "notify"), start);
}

async fn the_next_step_belongs_to_the_trace_of_the_start(stage: Stage) {
    let collector = collector().await;
    let app = traced(&stage, &[(ENDPOINT, &url(&collector))]).await;
    let body = json!({ "phone_number": stage.number() });
    let v = start_within(&app, &parent("01"), body).await;
    app.later(&v["id"], 16).await;
    stage.stop(app).await;
    let spans = spans(&collector);
    let start = only(&spans, "start");
    let sends = named(&spans, "send");
    let channel = |send: &&Value| attribute(send, "pinroute.channel").to_owned();
    let channels: Vec<_> = sends.iter().map(channel).collect();
    assert_eq!(channels, ["telegram", "sms"]);
    for send in sends {
        is_child(send, start);
    }
    providers_know_nothing(&stage);
}

async fn another_replica_goes_on_with_the_trace(stage: Stage) {
    let collector = collector().await;
    let changes = [(ENDPOINT, &*url(&collector)), OPEN];
    let (one, other) = (
        traced(&stage, &changes).await,
        traced(&stage, &changes).await,
    );
    let receiver = receiver().await;
    register(&admin(&one).await, &receiver, &["verification.fallback"]).await;
    let body = json!({ "phone_number": stage.number() });
    let v = start_within(&one, &parent("01"), body).await;
    stage.stop(one).await;
    other.gateway.directory().refresh().await.unwrap();
    other.later(&v["id"], 16).await;
    other
        .gateway
        .notices()
        .deliver_due_webhooks()
        .await
        .unwrap();
    stage.stop(other).await;
    let spans = spans(&collector);
    let start = only(&spans, "start");
    for send in named(&spans, "send") {
        is_child(send, start);
    }
    is_child(only(&spans, "webhook"), start);
    let [sent] = receiver.seen().try_into().unwrap();
    assert!(sent.header("traceparent").unwrap().contains(TRACE));
}

async fn what_a_caller_does_not_record_is_not_recorded_but_passed_on(stage: Stage) {
    let collector = collector().await;
    let app = traced(&stage, &[(ENDPOINT, &url(&collector)), OPEN]).await;
    let receiver = receiver().await;
    let admin = admin(&app).await;
    register(&admin, &receiver, &["verification.sent"]).await;
    let body = json!({ "phone_number": stage.number() });
    let v = start_within(&app, &parent("00"), body).await;
    app.settle(&v["id"]).await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    stage.stop(app).await;
    let spans = spans(&collector);
    // The webhook was registered by a request without a trace.
    only(&spans, "POST /v1/webhooks");
    assert!(
        spans.iter().all(|span| span["traceId"] != TRACE),
        "{spans:#?}"
    );
    assert_eq!(named(&spans, "webhook"), Vec::<&Value>::new());
    let [sent] = receiver.seen().try_into().unwrap();
    let told = sent.header("traceparent").unwrap();
    assert!(told.starts_with(&format!("00-{TRACE}-")) && told.ends_with("-00"));
}

async fn a_malformed_parent_begins_a_trace(stage: Stage) {
    let collector = collector().await;
    let app = traced(&stage, &[(ENDPOINT, &url(&collector))]).await;
    let malformed = [
        format!("00-{}-{CALLER}-01", "0".repeat(32)),
        format!("ff-{TRACE}-{CALLER}-01"),
        format!("00-{}-{CALLER}-01", TRACE.to_uppercase()),
        "998901234567".to_owned(),
        "x".repeat(4_000),
    ];
    for parent in &malformed {
        let body = json!({ "phone_number": stage.number() });
        start_within(&app, parent, body).await;
    }
    stage.stop(app).await;
    let spans = spans(&collector);
    let requests = named(&spans, "POST /v1/verifications");
    assert_eq!(requests.len(), malformed.len());
    for request in requests {
        assert_eq!(request["parentSpanId"], Value::Null);
        assert_eq!(request["traceState"], Value::Null);
        // It is the id of the request, which the caller was told.
        assert_eq!(
            attribute(request, "pinroute.request_id"),
            word(&request["traceId"])
        );
        assert_ne!(word(&request["traceId"]).to_lowercase(), TRACE);
    }
}

async fn without_an_endpoint_a_parent_is_passed_on_and_nothing_else(stage: Stage) {
    let app = traced(&stage, &[OPEN]).await;
    let receiver = receiver().await;
    register(&admin(&app).await, &receiver, &["verification.sent"]).await;
    let body = json!({ "phone_number": stage.number() });
    start_within(&app, &parent("01"), body).await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    app.started().await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let [passed_on, untraced] = receiver.seen().try_into().unwrap();
    assert_eq!(passed_on.header("traceparent"), Some(&*parent("01")));
    assert_eq!(passed_on.header("tracestate"), Some("shop=42"));
    assert_eq!(untraced.header("traceparent"), None);
    providers_know_nothing(&stage);
}

async fn a_share_of_the_traces_is_recorded(stage: Stage) {
    let collector = collector().await;
    let changes = [(ENDPOINT, &*url(&collector)), ("TELEMETRY__SAMPLE", "0")];
    let app = traced(&stage, &changes).await;
    app.started().await;
    let body = json!({ "phone_number": stage.number() });
    start_within(&app, &parent("01"), body).await;
    stage.stop(app).await;
    let spans = spans(&collector);
    only(&spans, "send");
    assert!(
        spans.iter().all(|span| span["traceId"] == TRACE),
        "{spans:#?}"
    );
}

async fn nothing_that_is_recorded_or_logged_tells_a_number_a_code_or_a_token(stage: Stage) {
    let collector = collector().await;
    let receiver = receiver().await;
    let mut command = program(&stage);
    command
        .env(format!("PINROUTE_{ENDPOINT}"), url(&collector))
        .env("PINROUTE_LOG__REQUESTS", "true")
        .env("PINROUTE_LOG__LEVEL", "debug")
        .env("PINROUTE_WEBHOOKS__ALLOW_PRIVATE", "true");
    let server = Server::start(command).await;
    let client = stage.client(&server.base);
    let key = stage.new_key(Some("default"), "admin,verify").await;
    let admin = client.with_key(&key);
    register(&admin, &receiver, &["verification.approved"]).await;

    // Our own API, with a send that fails, a callback's token and what callers write where it does not belong.
    let number = stage.number();
    let broken = Answer::Text(500, "Internal Server Error".to_owned());
    stage.telegram.next_sends([broken]);
    let body = json!({ "phone_number": number, "code": "73194628", "wait": 5 });
    let v = client.start(body).await.expect(201);
    let callback = word(&stage.sms.sends()[0]["dlr"]).to_owned();
    let (_, callback) = callback.split_once("verify.example").unwrap();
    let report = json!({ "message_id": "unknown", "status": "DELIVRD" });
    client.post(callback, report).await;
    client.check(&v["id"], "64820917").await.expect(200);
    client.check(&v["id"], "73194628").await.expect(200);
    client.get(&format!("/v1/verifications/{number}")).await;
    client
        .get(&format!(
            "/v1/verifications?phone_number={number}&code=73194628"
        ))
        .await;
    client.get(&format!("/{number}/73194628")).await;
    let stranger = client.with_key("pin_stranger_5550123");
    stranger.get("/v1/verifications").await;

    // The dialects and the hooks.
    let other = stage.number();
    let body = json!({ "phone_number": other, "code": "51739264" });
    let sent = admin
        .post("/telegram-gateway/sendVerificationMessage", body)
        .await
        .expect(200);
    let body = json!({ "request_id": sent["result"]["request_id"], "code": "51739264", "access_token": key });
    admin
        .post("/telegram-gateway/checkVerificationStatus", body)
        .await
        .expect(200);
    let twilio = stage.number();
    let service = format!("VA{}", stage.project("default").await.0.simple());
    let form = [
        ("To", twilio.as_str()),
        ("Channel", "sms"),
        ("CustomCode", "81726354"),
    ];
    let path = format!("/twilio/v2/Services/{service}/Verifications");
    let account = format!("AC{}", stage.project("default").await.0.simple());
    let request = client.open_request(reqwest::Method::POST, &path);
    let request = request.basic_auth(account, Some(&key)).form(&form);
    client.send(request).await.expect(201);
    let hooked = stage.number();
    let body = json!({ "kind": "generic", "name": "a test's" });
    let made = admin.post("/v1/integrations", body).await;
    let body = json!({ "phone_number": hooked, "code": "26483917" });
    let secret = made.body["secret"].as_str().unwrap_or_default().to_owned();
    let path = format!(
        "/hooks/generic/{}",
        made.body["id"].as_str().unwrap_or_default()
    );
    let request = client.open_request(reqwest::Method::POST, &path);
    client
        .send(request.bearer_auth(&secret).json(&body))
        .await
        .expect(200);
    receiver.until_seen(1).await;
    let log = server.terminate_and_read().await.join("\n");

    let spans = spans(&collector);
    for name in ["start", "check", "report", "send", "webhook", "commit"] {
        assert!(!named(&spans, name).is_empty(), "no {name}: {spans:#?}");
    }
    let faces = ["api", "callbacks", "telegram-gateway", "twilio", "hooks"];
    for face in faces {
        let of_face = |line: &&str| line.contains(&format!("\"face\":\"{face}\""));
        assert!(log.lines().any(|line| of_face(&line)), "no {face}: {log}");
    }
    let bodies: Vec<String> = collector.seen().into_iter().map(|seen| seen.text).collect();
    let token = callback.rsplit_once('.').unwrap().1.to_owned();
    let mut secrets: Vec<String> = ["73194628", "64820917", "51739264", "81726354", "26483917"]
        .map(str::to_owned)
        .into();
    for number in [number, other, twilio, hooked] {
        secrets.extend([number[1..].to_owned(), number[4..].to_owned()]);
    }
    secrets.extend([TOKEN, "sms-secret", "stranger_5550123"].map(str::to_owned));
    secrets.extend([token, key, client.key, secret]);
    for secret in secrets {
        assert!(secret.len() > 6, "{secret}");
        for told in bodies.iter().chain([&log]) {
            assert!(!told.contains(&secret), "{secret} is in {told}");
        }
    }
}

async fn a_request_has_a_line_in_the_log(stage: Stage) {
    let mut command = program(&stage);
    command.env("PINROUTE_LOG__REQUESTS", "true");
    let server = Server::start(command).await;
    let client = stage.client(&server.base);
    let broken = Answer::Text(500, "Internal Server Error".to_owned());
    stage.telegram.next_sends([broken]);
    let request = client.request(reqwest::Method::POST, "/v1/verifications");
    let request = request
        .header("traceparent", parent("01"))
        .header("x-request-id", "mine");
    let body = json!({ "phone_number": stage.number(), "wait": 5 });
    let v = client.send(request.json(&body)).await.expect(201);
    let found = client
        .get(&format!("/v1/verifications/{}", word(&v["id"])))
        .await;
    client.get("/no/such/address").await;
    let log = server.terminate_and_read().await;
    let lines: Vec<Value> = log
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let requests: Vec<&Value> = lines
        .iter()
        .filter(|line| line["target"] == "pinroute::requests")
        .collect();
    let [start, find, unknown] = requests[..] else {
        panic!("{requests:#?}");
    };
    let project = stage.project("default").await.0.to_string();
    for (field, value) in [
        ("level", json!("INFO")),
        ("message", json!("request")),
        ("method", json!("POST")),
        ("route", json!("/v1/verifications")),
        ("status", json!(201)),
        ("request_id", json!("mine")),
        ("trace_id", json!(TRACE)),
        ("face", json!("api")),
        ("project", json!(project)),
    ] {
        assert_eq!(start[field], value, "{field}");
    }
    assert!(start["duration_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(find["route"], "/v1/verifications/{id}");
    assert_eq!(find["request_id"], json!(found.header("x-request-id")));
    assert_eq!(find["trace_id"], find["request_id"]);
    assert_eq!(
        (&unknown["route"], &unknown["status"]),
        (&json!("none"), &json!(404))
    );
    assert_eq!(unknown["project"], Value::Null);
    // What happened meanwhile names the trace too.
    let fault = lines
        .iter()
        .find(|line| line["message"].to_string().contains("answer is broken"));
    let spans = fault.unwrap()["spans"].as_array().unwrap();
    assert!(
        spans.iter().any(|span| span["trace_id"] == TRACE),
        "{spans:?}"
    );
}

async fn a_collector_that_is_away_is_waited_for_and_logged_once(stage: Stage) {
    let collector = collector().await;
    collector.stop();
    let mut command = program(&stage);
    command.env(format!("PINROUTE_{ENDPOINT}"), url(&collector));
    let server = Server::start(command).await;
    let client = stage.client(&server.base);
    client.started().await;
    let says = |server: &Server, text: &str| {
        let log = server.log();
        log.iter().filter(|line| line.contains(text)).count()
    };
    let until_said = async |text| {
        while says(&server, text) == 0 {
            // A request is what passes the time; each is answered.
            client.get("/healthz").await;
        }
    };
    until_said("takes no traces").await;
    client.started().await;
    collector.resume().await;
    collector.until_seen(1).await;
    until_said("takes traces again").await;
    assert!(!named(&spans(&collector), "start").is_empty());
    assert_eq!(says(&server, "takes no traces"), 1);
    assert_eq!(says(&server, "takes traces again"), 1);
    server.kill().await;
}

async fn what_a_collector_refuses_is_dropped_and_counted(stage: Stage) {
    let refusing = Fake::start(|_| Answer::Json(400, json!({ "code": 3 }))).await;
    let app = traced(&stage, &[(ENDPOINT, &url(&refusing))]).await;
    app.started().await;
    refusing.until_seen(1).await;
    app.started().await;
    // The second batch follows when the first has been counted.
    refusing.until_seen(2).await;
    let metrics = app
        .send(app.open_request(reqwest::Method::GET, "/metrics"))
        .await;
    let dropped = metrics.text.lines().find_map(|line| {
        let count = line.strip_prefix("pinroute_trace_spans_dropped_total ")?;
        count.parse::<u64>().ok()
    });
    // A request, its start, two commits and a send.
    assert!(dropped.unwrap() >= 5, "{dropped:?}");
}

async fn a_collector_that_hangs_delays_no_request_and_no_stop(stage: Stage) {
    let hanging = Fake::start(|_| Answer::Hang).await;
    let app = traced(&stage, &[(ENDPOINT, &url(&hanging)), SMS, AT_ONCE]).await;
    let v = app.started().await;
    hanging.until_seen(1).await;
    app.resend(&v["id"], json!({ "channel": "sms" }))
        .await
        .expect(200);
    app.settle(&v["id"]).await;
    let began = std::time::Instant::now();
    stage.stop(app).await;
    assert!(began.elapsed().as_secs() < 8, "{:?}", began.elapsed());
}
