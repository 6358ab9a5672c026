//! Other services' own client libraries, unmodified, through their whole flow: at one server on SQLite, and at two replicas on Postgres in
//! turn.
//!
//! `scripts/dialects` installs and runs them; the programs are in `tests/clients/dialects/`.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::on_both_engines;
use crate::program::{Server, bare_program, program, run, run_well};
use crate::stage::{Engine, Stage, word};

on_both_engines!(
    telegram_gateway_verification,
    tg_gateway,
    telegram_gateway,
    pytggateway,
    twilio_python,
    twilio_node,
    vonage_verify2,
);

async fn telegram_gateway_verification(stage: Stage) {
    walk(&stage, "telegram-gateway-verification").await;
}

async fn tg_gateway(stage: Stage) {
    walk(&stage, "tg-gateway").await;
}

async fn telegram_gateway(stage: Stage) {
    walk(&stage, "telegram-gateway").await;
}

async fn pytggateway(stage: Stage) {
    walk(&stage, "PyTGGateway").await;
}

async fn twilio_python(stage: Stage) {
    walk(&stage, "twilio-python").await;
}

async fn twilio_node(stage: Stage) {
    walk(&stage, "twilio-node").await;
}

async fn vonage_verify2(stage: Stage) {
    walk(&stage, "vonage-verify2").await;
}

async fn walk(stage: &Stage, name: &'static str) {
    if std::env::var("PINROUTE_TEST_DIALECTS").unwrap_or_default() != "1" {
        println!(
            "skipped: PINROUTE_TEST_DIALECTS is not 1 (./scripts/test installs the libraries)"
        );
        return;
    }
    let gateways = Gateways::start(stage).await;
    let mut dialects = new_key(stage, "verify").await["dialects"].clone();
    // The command does not know the server's `public_url`.
    for (_, credentials) in dialects.as_object_mut().unwrap() {
        let path = word(&credentials["base_url"]).rsplit('/').next().unwrap();
        credentials["base_url"] = json!(format!("{}/{path}", gateways.url));
    }
    let admin = new_key(stage, "admin").await;
    gateways
        .serve(
            "dialects",
            name,
            &[
                ("PINROUTE_DIALECTS", dialects.to_string()),
                ("PINROUTE_ADMIN_KEY", word(&admin["key"]).to_owned()),
            ],
        )
        .await;
}

/// A key of the default project, as `keys create --json` prints it.
pub async fn new_key(stage: &Stage, scope: &str) -> Value {
    let made = [
        "keys",
        "create",
        "--project",
        "default",
        "--scope",
        scope,
        "--json",
    ];
    serde_json::from_str(&run_well(stage, &made).await).unwrap()
}

/// One server on SQLite, or two replicas on Postgres in turn, at one address. Their providers are a simulator.
pub struct Gateways {
    pub url: String,
    phones: String,
    servers: Vec<Server>,
    balancer: JoinHandle<()>,
    _simulator: Simulator,
}

/// Stopped however the test ends.
struct Simulator(Child);

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Gateways {
    pub async fn start(stage: &Stage) -> Self {
        let (simulator, phones) = simulator();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let replicas = if stage.engine == Engine::Postgres {
            2
        } else {
            1
        };
        let mut servers = Vec::new();
        for _ in 0..replicas {
            servers.push(Server::start(server(stage, &url, &phones)).await);
        }
        let balancer = tokio::spawn(balance(
            listener,
            servers.iter().map(|server| server.base.clone()).collect(),
        ));
        Self {
            url,
            phones: format!("http://{phones}"),
            servers,
            balancer,
            _simulator: simulator,
        }
    }

    /// Runs a program of one of `scripts/`, which must succeed, and stops.
    pub async fn serve(self, script: &str, name: &str, environment: &[(&str, String)]) {
        let mut command = Command::new("bash");
        command
            .arg(format!("{}/scripts/{script}", env!("CARGO_MANIFEST_DIR")))
            .arg(name)
            .env("PINROUTE_URL", &self.url)
            .env("PINROUTE_PHONES", &self.phones);
        for (variable, value) in environment {
            command.env(variable, value);
        }
        let output = run(command).await;
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        self.balancer.abort();
        for server in self.servers {
            assert_eq!(server.terminate().await, Some(0));
        }
    }
}

/// `pinroute simulator`, and its address.
fn simulator() -> (Simulator, String) {
    let mut command = bare_program();
    command.args(["simulator", "--listen", "127.0.0.1:0"]);
    let mut simulator = Simulator(command.stdout(Stdio::piped()).spawn().unwrap());
    let stdout = std::io::BufReader::new(simulator.0.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(stdout).map_while(Result::ok);
    let address =
        lines.find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned()));
    (simulator, address.unwrap())
}

/// A server whose providers are the simulator, and which is reached at `url`.
fn server(stage: &Stage, url: &str, simulator: &str) -> Command {
    let sms = json!([{
        "name": "simulator", "kind": "http", "url": format!("http://{simulator}/sms/send"),
        "json": { "to": "{to}", "text": "{text}", "ref": "{attempt_id}", "dlr": "{callback_url}" },
        "id_pointer": "/message_id", "accept": { "pointer": "/status", "values": ["ok"] },
        "refuse": { "pointer": "/error_code", "values": ["7", "8"] },
        "report": { "id_pointer": "/message_id", "status_pointer": "/status",
                    "delivered": ["DELIVRD"], "failed": ["UNDELIV", "REJECTD", "EXPIRED"] },
        "prices": { "*": "0.05" }, "currency": "USD",
    }]);
    let mut command = program(stage);
    command
        .env("PINROUTE_PUBLIC_URL", url)
        .env(
            "PINROUTE_TELEGRAM__BASE_URL",
            format!("http://{simulator}/telegram"),
        )
        .env("PINROUTE_TELEGRAM__TIMEOUT", "5s")
        .env("PINROUTE_SMS__PROVIDERS", sms.to_string());
    command
}

/// Gives each connection to the next server.
async fn balance(listener: TcpListener, servers: Vec<String>) {
    let mut connections = JoinSet::new();
    for server in servers.iter().cycle() {
        let Ok((mut from, _)) = listener.accept().await else {
            return;
        };
        let address = server.strip_prefix("http://").unwrap().to_owned();
        connections.spawn(async move {
            let mut to = TcpStream::connect(address).await?;
            tokio::io::copy_bidirectional(&mut from, &mut to).await
        });
    }
}
