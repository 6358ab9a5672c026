//! Security of the sandbox: its page forwards only its own calls, other sites' pages reach nothing, and its keys and
//! everything they created are revoked when the database goes live.

use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pinroute::secret::{SecretKey, Vault};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::on_both_engines;
use crate::program::{Server, bare_program};
use crate::stage::{CLIENT, Client, Stage};

on_both_engines!(
    the_page_forwards_its_own_calls_and_nothing_else,
    other_host_names_reach_neither_the_page_nor_its_key,
    the_dashboard_and_the_documentation_link_to_the_virtual_phones,
    reports_are_posted_to_the_gateway_itself_and_to_listed_hosts_only,
    going_live_revokes_everything_that_sandbox_keys_created,
    magic_numbers_meet_no_limit_of_a_number,
    the_ledger_and_the_simulators_account_agree_after_seeding_and_restarts,
);

/// A sandbox that uses the stage's database.
struct Sandbox {
    server: Server,
    /// `127.0.0.1:PORT` of the simulator.
    phones: String,
}

fn sandbox_toml(stage: &Stage) -> String {
    sandbox_toml_with(stage, "")
}

fn sandbox_toml_with(stage: &Stage, more: &str) -> String {
    let listen = "listen = \"127.0.0.1:0\"\nsimulator_listen = \"127.0.0.1:0\"\n";
    let private = "[webhooks]\nallow_private = true\n";
    format!("{listen}{more}{}{private}", stage.sandbox_toml())
}

async fn sandbox(stage: &Stage) -> Sandbox {
    sandbox_with(stage, "").await
}

async fn sandbox_with(stage: &Stage, more: &str) -> Sandbox {
    let file = stage.folder.join("sandbox.toml");
    std::fs::write(&file, sandbox_toml_with(stage, more)).unwrap();
    let mut command = bare_program();
    command.arg("--config").arg(file).stdout(Stdio::piped());
    let (server, phones) = Server::start_sandbox(command).await;
    let phones = phones.trim_start_matches("http://").to_owned();
    Sandbox { server, phones }
}

impl Sandbox {
    /// Sends a raw request line, which client libraries would normalize. Returns status and body.
    async fn raw(&self, line: &str, host: &str, body: &Value) -> (u16, String) {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let mut stream = TcpStream::connect(&self.phones).await.unwrap();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
        (status.expect("a status line"), answer)
    }

    async fn call(&self, line: &str, body: &Value) -> (u16, String) {
        self.raw(line, &self.phones, body).await
    }

    /// The key that the page shows in its `curl` commands.
    async fn page_key(&self) -> String {
        let (status, answer) = self.call("GET /settings", &Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let settings: Value = serde_json::from_str(body).unwrap();
        settings["api_key"].as_str().unwrap().to_owned()
    }
}

/// The key printed in the start-up banner.
fn printed_key(stage: &Stage) -> String {
    let secret = STANDARD.decode(&stage.secret_key).unwrap();
    let secret = SecretKey(secret.try_into().unwrap());
    Vault::new(&secret, &[]).sandbox_api_key()
}

fn id(answer: &str) -> String {
    let (_, rest) = answer.split_once("\"id\":\"").unwrap();
    rest[..36].to_owned()
}

async fn the_page_forwards_its_own_calls_and_nothing_else(stage: Stage) {
    let sandbox = sandbox(&stage).await;
    let start = json!({ "phone_number": stage.number() });
    let (status, answer) = sandbox.call("POST /site/v1/verifications", &start).await;
    assert_eq!(status, 201, "{answer}");
    let id = id(&answer);
    for (line, expected) in [
        (format!("GET /site/v1/verifications/{id}"), 200),
        (format!("GET /site/v1/verifications/{id}/events"), 200),
        (format!("POST /site/v1/verifications/{id}/cancel"), 200),
        ("GET /site/.well-known/jwks.json".to_owned(), 200),
    ] {
        let (status, answer) = sandbox.call(&line, &Value::Null).await;
        assert_eq!(status, expected, "{line}: {answer}");
    }
    let keys = json!({ "scopes": ["admin", "verify", "finance"] });
    let before = stage.db.list_keys().await.unwrap().len();
    for path in [
        "v1/verifications/..%2fkeys",
        "v1/verifications/..%2Fkeys",
        "v1/verifications/%2e%2e/keys",
        "v1/verifications/%2e%2e%2fkeys",
        "v1/verifications/..%252fkeys",
        "v1/verifications/%09..%2fkeys",
        "v1/verifications/..\\keys",
        "v1/verifications/..%5ckeys",
        "v1/verifications/../keys",
        "v1/verifications//../keys",
        "v1/verifications/;/../keys",
        "v1/verifications/..;/keys",
        "v1/verifications%2f..%2fkeys",
        "/v1/keys",
        "v1/keys",
        "v1/verifications/",
        "v1/verifications?limit=200",
        "v1/verificationsx",
        "v1/webhooks",
        "dashboard",
    ] {
        for method in ["POST", "GET"] {
            let line = format!("{method} /site/{path}");
            let (status, answer) = sandbox.call(&line, &keys).await;
            assert_eq!(status, 404, "{line}: {answer}");
            assert!(!answer.contains("pin_"), "{line}: {answer}");
        }
    }
    for line in [
        "GET /site/v1/verifications".to_owned(),
        format!("GET /site/v1/verifications/{id}?x=1"),
        format!("GET /site/v1/verifications/{id}/.."),
        format!("GET /site/v1/verifications/{id}/check"),
        format!("POST /site/v1/verifications/{id}"),
        format!("POST /site/v1/verifications/{id}/events"),
        format!("POST /site/v1/verifications/{}/check", id.replace('-', "")),
        "POST /site/.well-known/jwks.json".to_owned(),
    ] {
        let (status, answer) = sandbox.call(&line, &Value::Null).await;
        assert_eq!(status, 404, "{line}: {answer}");
    }
    assert_eq!(stage.db.list_keys().await.unwrap().len(), before);

    // The page's key has only the scope `verify`.
    let page_key = sandbox.page_key().await;
    let page = stage.client(&sandbox.server.base).with_key(&page_key);
    assert_eq!(page.post("/v1/keys", keys.clone()).await.status, 403);
    assert_eq!(page.get("/v1/ledger").await.status, 403);
    assert_eq!(page.get("/v1/verifications").await.status, 200);
    assert_eq!(sandbox.server.terminate().await, Some(0));
}

async fn other_host_names_reach_neither_the_page_nor_its_key(stage: Stage) {
    let sandbox = sandbox(&stage).await;
    let port = sandbox.phones.rsplit_once(':').unwrap().1.to_owned();
    let lines = [
        "GET /",
        "GET /settings",
        "GET /live",
        "GET /site/.well-known/jwks.json",
        "POST /site/v1/verifications",
    ];
    for host in [
        "attacker.example".to_owned(),
        format!("attacker.example:{port}"),
        format!("127.0.0.1.attacker.example:{port}"),
        format!("localhost.attacker.example:{port}"),
        format!("192.0.2.7:{port}"),
        String::new(),
    ] {
        for line in lines {
            let (status, answer) = sandbox.raw(line, &host, &Value::Null).await;
            assert_eq!(status, 403, "{line} to `{host}`: {answer}");
            assert!(!answer.contains("pin_"), "{line} to `{host}`: {answer}");
        }
    }
    for host in [
        sandbox.phones.clone(),
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("[::1]:{port}"),
        "localhost".to_owned(),
    ] {
        let (status, answer) = sandbox.raw("GET /settings", &host, &Value::Null).await;
        assert_eq!(status, 200, "`{host}`: {answer}");
    }
    // The provider APIs and phones are open under any host name.
    for line in [
        "GET /phones",
        "POST /sms/send",
        "POST /telegram/sendVerificationMessage",
    ] {
        let (status, answer) = sandbox.raw(line, "attacker.example", &json!({})).await;
        assert_eq!(status, 403, "{line}: {answer}");
    }
    let line = format!("GET /phones/{}/messages", stage.number());
    let (status, answer) = sandbox.raw(&line, "sandbox:8081", &Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(sandbox.server.terminate().await, Some(0));
}

async fn the_dashboard_and_the_documentation_link_to_the_virtual_phones(stage: Stage) {
    let sandbox = sandbox(&stage).await;
    let client = stage.client(&sandbox.server.base);
    let phones = format!("http://{}/", sandbox.phones);
    let page = client.get("/dashboard/sign-in").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains(&format!("<a href=\"{phones}\">")),
        "{}",
        page.text
    );
    let document = client.get("/openapi.json").await;
    let text = document.body["info"]["description"].as_str().unwrap();
    assert!(text.contains(&format!("({phones})")), "{text}");
    assert_eq!(sandbox.server.terminate().await, Some(0));
}

async fn reports_are_posted_to_the_gateway_itself_and_to_listed_hosts_only(stage: Stage) {
    let more =
        "public_url = \"https://demo.example/base\"\nsimulator_callbacks = [\"hooks.example\"]\n";
    let sandbox = sandbox_with(&stage, more).await;
    for (callback, status) in [
        ("https://demo.example/base/callbacks/sms/x", 200),
        ("https://hooks.example/x", 200),
        ("http://127.0.0.1:9/x", 200),
        ("http://demo.example/base/callbacks/sms/x", 400),
        ("https://other.example/x", 400),
        ("https://demo.example@other.example/x", 400),
    ] {
        let send = json!({ "to": stage.number(), "text": "1234", "dlr": callback });
        let (answered, answer) = sandbox.call("POST /sms/send", &send).await;
        assert_eq!(answered, status, "{callback}: {answer}");
    }
    assert_eq!(sandbox.server.terminate().await, Some(0));
}

/// Sends a code to a number that Telegram reaches, another one for each balance.
async fn charged(client: &Client, balance: &str) {
    let number = format!("+99890123{}", balance.replace('.', ""));
    let v = client
        .start(json!({ "phone_number": number, "wait": 10 }))
        .await;
    let v = v.expect(201);
    assert_eq!(v["attempts"][0]["cost"]["state"], "charged", "{v}");
}

/// Sends a code by Telegram; then the ledger and the provider must both come to this balance.
async fn agree_on(stage: &Stage, sandbox: &Sandbox, balance: &str) {
    let client = stage
        .client(&sandbox.server.base)
        .with_key(&printed_key(stage));
    charged(&client, balance).await;
    let mut last = Value::Null;
    let agreed = async {
        // What was reported is stored within seconds.
        while last["computed"] != balance || last["reported"] != balance {
            last = client.get("/v1/balances").await.expect(200)["items"][0].take();
        }
    };
    let patience = std::time::Duration::from_secs(60);
    let agreed = tokio::time::timeout(patience, agreed).await;
    assert!(agreed.is_ok(), "{balance}: {last}");
}

async fn the_ledger_and_the_simulators_account_agree_after_seeding_and_restarts(stage: Stage) {
    let running = sandbox(&stage).await;
    let client = stage
        .client(&running.server.base)
        .with_key(&printed_key(&stage));
    charged(&client, "99.99").await;
    let seed = ["seed", "--verifications", "300", "--chance", "5"];
    // Beside the running server, then again.
    for balance in ["99.98", "99.97"] {
        crate::seed::run_well_with(&stage, &sandbox_toml(&stage), &seed).await;
        agree_on(&stage, &running, balance).await;
    }
    assert_eq!(running.server.terminate().await, Some(0));
    let restarted = sandbox(&stage).await;
    agree_on(&stage, &restarted, "99.96").await;
    assert_eq!(restarted.server.terminate().await, Some(0));
}

async fn going_live_revokes_everything_that_sandbox_keys_created(stage: Stage) {
    let printed = printed_key(&stage);
    let of_operator = stage.new_key(None, "admin").await;
    let sandbox = sandbox(&stage).await;
    let page_key = sandbox.page_key().await;
    let api = |key: &str| stage.client(&sandbox.server.base).with_key(key);
    let admin = json!({ "scopes": ["admin"] });
    let make = async |key: &str| {
        let made = api(key).post("/v1/keys", admin.clone()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body["key"].as_str().unwrap().to_owned()
    };
    let child = make(&printed).await;
    let grandchild = make(&child).await;
    let kept = make(&of_operator).await;
    let hook = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"] });
    for key in [&grandchild, &of_operator] {
        let made = api(key).post("/v1/webhooks", hook.clone()).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    assert_eq!(sandbox.server.terminate().await, Some(0));

    let live = stage.app().await;
    for (key, status) in [
        (&printed, 401),
        (&page_key, 401),
        (&child, 401),
        (&grandchild, 401),
        (&kept, 200),
        (&of_operator, 200),
    ] {
        let answer = live.with_key(key).get("/v1/keys").await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let left = live.with_key(&of_operator).get("/v1/webhooks").await;
    assert_eq!(left.body["items"].as_array().unwrap().len(), 1);
}

async fn magic_numbers_meet_no_limit_of_a_number(stage: Stage) {
    let sandbox = sandbox(&stage).await;
    let key = sandbox.page_key().await;
    let site = stage.client(&sandbox.server.base).with_key(&key);
    let start = async |number: &str, payload: usize| {
        let body = json!({ "phone_number": number, "payload": payload.to_string(), "wait": 0, "code": "424242" });
        site.start(body).await
    };
    for payload in 0..12 {
        let v = start("+998901230001", payload).await.expect(201);
        for _ in 0..3 {
            site.check(&v["id"], "000000").await.expect(200);
        }
        let checked = site.check(&v["id"], "424242").await.expect(200);
        assert_eq!(checked["valid"], true);
    }
    for payload in 0..5 {
        start("+998901234567", payload).await.expect(201);
    }
    start("+998901234567", 5).await.problem(429, "rate_limited");
}

/// `pinroute simulator`, with these callbacks permitted; `None` if it does not start.
fn simulator(callbacks: &str) -> Result<(std::process::Child, String), Option<i32>> {
    let mut command = bare_program();
    command.args([
        "simulator",
        "--listen",
        "127.0.0.1:0",
        "--callbacks",
        callbacks,
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(stdout).map_while(Result::ok);
    match lines.find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned())) {
        Some(address) => Ok((child, address)),
        None => Err(child.wait().unwrap().code()),
    }
}

#[tokio::test]
async fn the_simulator_alone_takes_its_callbacks_from_the_command_line() {
    let (mut child, address) = simulator("https://hooks.example,wide.example").unwrap();
    for (callback, status) in [
        ("https://hooks.example/x", 200),
        ("https://wide.example:8443/x", 200),
        ("https://hooks.example:8443/x", 400),
        ("https://other.example/x", 400),
    ] {
        let send = json!({ "to": "+15550100100", "text": "1234", "dlr": callback });
        let sent = CLIENT.post(format!("http://{address}/sms/send"));
        assert_eq!(
            sent.json(&send).send().await.unwrap().status(),
            status,
            "{callback}"
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        simulator("https://hooks.example/path").unwrap_err(),
        Some(2)
    );
}
