//! The program itself: starting, refusing to start, stopping, and its commands while a server runs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pinroute::app::StartupError;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{Engine, Stage, word};
use crate::world::Answer;

on_both_engines!(
    a_second_server_on_the_same_sqlite_file_refuses_to_start,
    a_wrong_secret_key_refuses_to_start_and_a_rotated_one_still_reads,
    keys_can_be_created_listed_and_revoked_while_a_server_runs,
    a_key_has_the_name_that_it_was_given,
    a_new_project_is_known_to_a_running_server_when_the_command_returns,
    projects_can_be_created_and_configured_while_a_server_runs,
    migrations_are_applied_and_listed_once,
    the_server_logs_its_address_and_shuts_down_gracefully,
    the_promised_log_line_appears_at_every_level,
    a_fault_in_the_log_names_the_request_the_verification_and_the_attempt,
    at_level_debug_only_the_programs_own_lines_are_logged,
);

/// The program's binary with the stage's configuration file, without this process's `PINROUTE_` variables.
pub fn program(stage: &Stage) -> Command {
    let file = stage.folder.join("pinroute.toml");
    std::fs::write(&file, stage.toml()).unwrap();
    let mut command = bare_program();
    command.arg("--config").arg(file);
    command
}

/// The program's binary without a configuration file: it runs a sandbox by default.
pub fn bare_program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinroute"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PINROUTE_")) {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command until it exits.
pub async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// The lines of what a command printed.
pub fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8(bytes.to_vec())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The output of a command that succeeds.
pub async fn run_well(stage: &Stage, arguments: &[&str]) -> String {
    let mut command = program(stage);
    command.args(arguments);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The error output of a command that exits with 2, for wrong usage.
pub async fn run_refused(stage: &Stage, arguments: &[&str]) -> String {
    let mut command = program(stage);
    command.args(arguments);
    let output = run(command).await;
    let said = lines(&output.stderr).join("\n");
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

/// The line of JSON printed by a command with `--json`.
pub async fn run_json(stage: &Stage, arguments: &[&str]) -> Value {
    let output = run_well(stage, arguments).await;
    let [line] = lines(output.as_bytes()).try_into().unwrap();
    serde_json::from_str(&line).unwrap()
}

/// A server in a separate process, killed when dropped.
pub struct Server {
    pub base: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Ends when all of the log has been read.
    reading: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub async fn start(mut command: Command) -> Self {
        command.stdout(Stdio::null());
        Self::listening(command).await
    }

    /// Starts a sandbox; also returns the URL of its phones.
    pub async fn start_sandbox(command: Command) -> (Self, String) {
        Self::start_and_hear(command, "Phones").await
    }

    /// Starts a server; also returns the link that signs in its owner.
    pub async fn start_dashboard(command: Command) -> (Self, String) {
        Self::start_and_hear(command, "Dashboard").await
    }

    /// Also returns the URL after `head` in the start-up banner.
    async fn start_and_hear(command: Command, head: &'static str) -> (Self, String) {
        let (server, [address]) = Self::start_and_read(command, [head]).await;
        (server, address)
    }

    /// Also returns the word after each head in the start-up banner, which has them in this order.
    pub async fn start_and_read<const N: usize>(
        command: Command,
        heads: [&'static str; N],
    ) -> (Self, [String; N]) {
        let mut server = Self::listening(command).await;
        let stdout = server.child.stdout.take().unwrap();
        let (sender, words) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            let words = heads.map(|head| {
                let rest = lines.find_map(|line| line.trim().strip_prefix(head).map(str::to_owned));
                let rest = rest.unwrap_or_default();
                rest.split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            });
            let _ = sender.send(words);
            lines.for_each(drop);
        });
        let words = tokio::time::timeout(Duration::from_secs(30), words).await;
        let words = words.expect("the banner appears in time").unwrap();
        assert!(words.iter().all(|word| !word.is_empty()), "{words:?}");
        (server, words)
    }

    async fn listening(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        let (sender, base) = tokio::sync::oneshot::channel();
        let reading = std::thread::spawn(move || {
            let mut sender = Some(sender);
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let url = line.find("http://").map(|at| line[at..].to_owned());
                let listens = line.contains("listening on http://");
                kept.lock().unwrap().push(line);
                if let (Some(url), true) = (url, listens)
                    && let Some(sender) = sender.take()
                {
                    let end = url.find('"').unwrap_or(url.len());
                    let _ = sender.send(url[..end].to_owned());
                }
            }
        });
        let base = tokio::time::timeout(Duration::from_secs(30), base).await;
        let Ok(Ok(base)) = base else {
            let _ = child.kill();
            panic!("the server does not listen: {:?}", log.lock().unwrap());
        };
        Self {
            base,
            child,
            log,
            reading: Some(reading),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Sends SIGKILL, which the program cannot handle.
    pub async fn kill(mut self) {
        self.child.kill().unwrap();
        tokio::task::spawn_blocking(move || self.child.wait().map(|_| ()))
            .await
            .unwrap()
            .unwrap();
    }

    /// Like [`Self::terminate`], and returns the whole log.
    pub async fn terminate_and_read(mut self) -> Vec<String> {
        let (log, reading) = (Arc::clone(&self.log), self.reading.take());
        assert_eq!(self.terminate().await, Some(0));
        tokio::task::spawn_blocking(move || reading.map(std::thread::JoinHandle::join))
            .await
            .unwrap();
        std::mem::take(&mut log.lock().unwrap())
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Sends SIGTERM and returns the exit code.
    pub async fn terminate(self) -> Option<i32> {
        self.signal("TERM");
        self.ended().await
    }

    /// Waits for the end, and returns the exit code.
    pub async fn ended(mut self) -> Option<i32> {
        tokio::task::spawn_blocking(move || self.child.wait().unwrap().code())
            .await
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn a_second_server_on_the_same_sqlite_file_refuses_to_start(stage: Stage) {
    let first = stage.app().await;
    let second = stage.try_app(&[]).await;
    if stage.engine == Engine::Postgres {
        second
            .expect("Postgres supports several servers")
            .started()
            .await;
        return;
    }
    let Err(StartupError::Failed(message)) = second else {
        panic!("two servers started on one file");
    };
    assert!(
        message.contains("serves") && message.contains("Postgres"),
        "{message}"
    );
    let output = run(program(&stage)).await;
    assert_eq!(output.status.code(), Some(1));
    let complaints = lines(&output.stderr);
    assert!(
        complaints.iter().any(|line| line.contains("one replica")),
        "{complaints:?}"
    );
    first.started().await;
    stage.kill(first).await;
    stage.app().await.started().await;
}

async fn a_wrong_secret_key_refuses_to_start_and_a_rotated_one_still_reads(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let (code, proven) = (app.telegram_code(), app.started().await);
    let answer = app
        .check(&proven["id"], &app.telegram_code())
        .await
        .expect(200);
    app.settle(&proven["id"]).await;
    let old_keys = app.get("/.well-known/jwks.json").await.expect(200);
    let callback = stage.telegram.status("delivered");
    stage.stop(app).await;

    let other = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
    let Err(StartupError::Configuration(message)) = stage.try_app(&[("SECRET_KEY", other)]).await
    else {
        panic!("it started with a wrong key");
    };
    assert!(
        message.starts_with("secret_key:") && !message.contains(other),
        "{message}"
    );
    let mut command = program(&stage);
    command.env("PINROUTE_SECRET_KEY", other);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        lines(&output.stderr)
            .iter()
            .any(|line| line.starts_with("pinroute: secret_key:")),
        "{:?}",
        lines(&output.stderr)
    );

    let previous = json!([stage.secret_key]).to_string();
    let app = stage
        .app_with(&[("SECRET_KEY", other), ("PREVIOUS_SECRET_KEYS", &previous)])
        .await;
    assert_eq!(app.find(&v["id"]).await["phone_number"], v["phone_number"]);
    let number = word(&v["phone_number"]).replace('+', "%2B");
    let found = app
        .get(&format!("/v1/verifications?phone_number={number}"))
        .await
        .expect(200);
    assert_eq!(found["items"][0]["id"], v["id"]);
    assert_eq!(app.check(&v["id"], &code).await.expect(200)["valid"], true);
    app.settle(&v["id"]).await;
    let keys = app.get("/.well-known/jwks.json").await.expect(200);
    let published = keys["keys"].as_array().unwrap();
    assert!(
        published.contains(&old_keys["keys"][0]) && published.len() == 2,
        "{keys}"
    );
    assert!(answer["proof"].is_string());
    app.telegram_reports_signed(&callback, crate::world::TOKEN, stage.clock.now())
        .await
        .expect(200);
}

async fn keys_can_be_created_listed_and_revoked_while_a_server_runs(stage: Stage) {
    let app = stage.app().await;
    let made = run_json(
        &stage,
        &[
            "keys",
            "create",
            "--project",
            "default",
            "--scope",
            "verify,finance",
            "--json",
        ],
    )
    .await;
    for field in ["id", "key", "project", "scopes", "expires_at"] {
        assert!(made.get(field).is_some(), "{made}");
    }
    assert_eq!(
        (&made["project"], &made["scopes"], &made["expires_at"]),
        (
            &json!("default"),
            &json!(["verify", "finance"]),
            &Value::Null
        )
    );
    let caller = app.with_key(word(&made["key"]));
    caller.started().await;
    caller.get("/v1/ledger").await.expect(200);

    let instance = run_json(
        &stage,
        &[
            "keys",
            "create",
            "--project",
            "*",
            "--scope",
            "verify",
            "--expires",
            "90d",
            "--json",
        ],
    )
    .await;
    assert_eq!(instance["project"], "*");
    assert!(word(&instance["expires_at"]).ends_with('Z'), "{instance}");

    let list = run_json(&stage, &["keys", "list", "--json"]).await;
    assert!(
        !list.to_string().contains(word(&made["key"])),
        "a key is shown once"
    );
    assert!(
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key["id"] == made["id"])
    );
    run_json(&stage, &["keys", "revoke", word(&made["id"]), "--json"]).await;
    // The server acts on the change as soon as the command returns, although no job refreshes its copy here.
    caller
        .get("/v1/verifications")
        .await
        .problem(401, "unauthorized");

    for (arguments, code) in [
        (
            vec!["keys", "create", "--project", "nobody", "--scope", "verify"],
            2,
        ),
        (
            vec!["keys", "create", "--project", "default", "--scope", "all"],
            2,
        ),
        (vec!["keys", "create", "--project", "default"], 2),
        (vec!["keys", "revoke", word(&made["id"])], 1),
        (vec!["nothing"], 2),
    ] {
        let mut command = program(&stage);
        command.args(&arguments);
        let output = run(command).await;
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {:?}",
            lines(&output.stderr)
        );
    }
}

async fn a_key_has_the_name_that_it_was_given(stage: Stage) {
    let named = [
        "keys",
        "create",
        "--project",
        "default",
        "--scope",
        "admin",
        "--name",
        " Till 7 ",
        "--json",
    ];
    let named = run_json(&stage, &named).await;
    assert_eq!(named["name"], "Till 7");
    let listed = run_well(&stage, &["keys", "list"]).await;
    assert!(
        listed.contains(&format!("{}  Till 7 ", word(&named["id"]))),
        "{listed}"
    );
}

async fn a_new_project_is_known_to_a_running_server_when_the_command_returns(stage: Stage) {
    let app = stage.app().await;
    let instance = app.with_key(&stage.new_key(None, "admin").await);
    instance.get("/v1/budgets").await.expect(200);
    run_json(&stage, &["projects", "create", "shop", "--json"]).await;
    // Nothing refreshes this server, but the command returned only when it must know the project.
    let of_shop = instance.get("/v1/verifications?project=shop").await;
    of_shop.expect(200);
    let said = run_refused(&stage, &["projects", "set", "shop", "code_lenght=4"]).await;
    assert!(
        said.contains("code_lenght: unknown key; did you mean `code_length`?"),
        "in the form that the command takes: {said}"
    );
}

async fn projects_can_be_created_and_configured_while_a_server_runs(stage: Stage) {
    let app = stage.app().await;
    let made = run_json(&stage, &["projects", "create", "shop", "--json"]).await;
    assert_eq!(made["name"], "shop");
    let key = run_json(
        &stage,
        &[
            "keys",
            "create",
            "--project",
            "shop",
            "--scope",
            "verify",
            "--json",
        ],
    )
    .await;
    let v = app.with_key(word(&key["key"])).started().await;
    app.get(&format!("/v1/verifications/{}", word(&v["id"])))
        .await
        .problem(404, "verification_not_found");
    let list = run_json(&stage, &["projects", "list", "--json"]).await;
    let names: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|project| word(&project["name"]))
        .collect();
    assert_eq!(names, ["default", "shop"]);
    let mut again = program(&stage);
    again.args(["projects", "create", "shop"]);
    let output = run(again).await;
    assert_ne!(output.status.code(), Some(0));

    // Its policy is set, read and unset while the server runs, which follows.
    let set = [
        "projects",
        "set",
        "shop",
        "code_length=8",
        "countries.deny=[\"KZ\"]",
        "templates.uz=Do'kon: {code}",
        "--json",
    ];
    let changed = run_json(&stage, &set).await;
    assert_eq!(
        changed["policy"],
        json!({ "code_length": 8, "countries": { "deny": ["KZ"] }, "templates": { "uz": "Do'kon: {code}" } })
    );
    assert_eq!(
        changed["effective"]["countries"],
        json!({ "allow": ["*"], "deny": ["KZ"], "monitor": [] })
    );
    app.with_key(word(&key["key"])).started().await;
    assert_eq!(app.telegram_code().len(), 8);
    let unset = run_json(
        &stage,
        &[
            "projects",
            "set",
            "shop",
            "--unset",
            "countries.deny",
            "--unset",
            "templates",
            "--json",
        ],
    )
    .await;
    assert_eq!(unset["policy"], json!({ "code_length": 8 }));
    assert_eq!(
        run_json(&stage, &["projects", "show", "shop", "--json"]).await,
        unset
    );
    for (arguments, said) in [
        (
            vec!["set", "shop", "code_length=9", "ttl=1s"],
            "code_length: `9` is out of range",
        ),
        (vec!["set", "shop", "route=[]"], "route: has no step"),
        (vec!["set", "shop", "colour=red"], "colour: unknown key"),
        (vec!["set", "shop"], "nothing to change"),
        (vec!["set", "nowhere", "ttl=5m"], "no project `nowhere`"),
        (vec!["show", "nowhere"], "no project `nowhere`"),
    ] {
        let mut command = program(&stage);
        command.arg("projects").args(arguments);
        let output = run(command).await;
        assert_eq!(output.status.code(), Some(2));
        let complaints = lines(&output.stderr).join("\n");
        assert!(complaints.contains(said), "{said} in {complaints}");
    }
    assert_eq!(
        run_json(&stage, &["projects", "show", "shop", "--json"]).await,
        unset
    );
}

async fn migrations_are_applied_and_listed_once(stage: Stage) {
    let mut command = program(&stage);
    match stage.engine {
        Engine::Sqlite => drop(command.env(
            "PINROUTE_DATABASE_URL",
            format!("sqlite://{}/new.db", stage.folder.display()),
        )),
        // The stage's schema is already migrated.
        Engine::Postgres => {}
    }
    command.arg("migrate");
    let first = run(command).await;
    assert_eq!(first.status.code(), Some(0), "{:?}", lines(&first.stderr));
    let named = lines(&first.stdout)
        .iter()
        .any(|line| line.starts_with("0001") || line.contains("0001 core"));
    assert_eq!(
        named,
        stage.engine == Engine::Sqlite,
        "{:?}",
        lines(&first.stdout)
    );
}

async fn the_server_logs_its_address_and_shuts_down_gracefully(stage: Stage) {
    let mut command = program(&stage);
    command
        .env("PINROUTE_TELEGRAM__TIMEOUT", "1m")
        .env("PINROUTE_SHUTDOWN_GRACE", "10s");
    let server = Server::start(command).await;
    assert_eq!(
        server
            .log()
            .iter()
            .filter(|line| line.contains("listening"))
            .count(),
        1
    );
    let client = stage.client(&server.base);
    // A send is in progress when the signal arrives, and is answered within the grace period.
    let now = Arc::new(tokio::sync::Notify::new());
    stage
        .telegram
        .next_sends([Answer::TakenAfter(Arc::clone(&now))]);
    let v = client
        .start(json!({ "phone_number": stage.number(), "wait": 0 }))
        .await
        .expect(201);
    stage.telegram.fake.until_seen(1).await;
    let (code, ()) = tokio::join!(server.terminate(), async { now.notify_one() });
    assert_eq!(code, Some(0));
    let app = stage.app().await;
    let v = app
        .get(&format!("/v1/verifications/{}", word(&v["id"])))
        .await
        .expect(200);
    assert_eq!(v["attempts"][0]["status"], "sent");
    assert_eq!(v["costs"], json!([{ "amount": "0.01", "currency": "USD" }]));
}

async fn the_promised_log_line_appears_at_every_level(stage: Stage) {
    for level in [
        "info",
        "warn,pinroute=info",
        "pinroute::app=info,off",
        "debug",
    ] {
        let mut command = program(&stage);
        command.env("PINROUTE_LOG__LEVEL", level);
        // `start` waits for the line.
        let server = Server::start(command).await;
        server.kill().await;
    }
}

async fn a_fault_in_the_log_names_the_request_the_verification_and_the_attempt(stage: Stage) {
    let mut command = program(&stage);
    // Which lines are logged does not change what they name.
    command.env("PINROUTE_LOG__LEVEL", "warn,pinroute::app=info");
    let server = Server::start(command).await;
    let client = stage.client(&server.base);
    let broken = Answer::Text(500, "Internal Server Error".to_owned());
    stage.telegram.next_sends([broken]);
    // The send happens after the answer.
    let number = stage.number();
    let asked = client
        .request(reqwest::Method::POST, "/v1/verifications")
        .header("x-request-id", "the-start-of-it-all")
        .json(&json!({ "phone_number": number, "code": "73194628", "wait": 0 }));
    let v = client.send(asked).await.expect(201);
    stage.telegram.fake.until_seen(1).await;
    let log = server.terminate_and_read().await;
    let line = log.iter().find(|line| line.contains("answer is broken"));
    let line: Value = serde_json::from_str(line.expect("it is logged")).unwrap();
    let spans = line["spans"].as_array().unwrap();
    let named = |field: &str| spans.iter().find_map(|span| span[field].as_str());
    assert_eq!(named("request_id"), Some("the-start-of-it-all"));
    assert_eq!(named("verification"), v["id"].as_str());
    assert_eq!(named("attempt"), v["attempts"][0]["id"].as_str());
    let log = log.concat();
    for secret in [
        number.as_str(),
        &number[1..],
        "73194628",
        crate::world::TOKEN,
    ] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

async fn at_level_debug_only_the_programs_own_lines_are_logged(stage: Stage) {
    let mut command = program(&stage);
    command.env("PINROUTE_LOG__LEVEL", "debug");
    let server = Server::start(command).await;
    let client = stage.client(&server.base);
    client
        .start(json!({ "phone_number": stage.number() }))
        .await
        .expect(201);
    let log = server.terminate_and_read().await;
    let lines = log
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (own, foreign): (Vec<Value>, Vec<Value>) =
        lines.partition(|line| word(&line["target"]).starts_with("pinroute"));
    assert!(own.iter().any(|line| line["level"] == "DEBUG"), "{own:?}");
    assert!(
        foreign.iter().all(|line| line["level"] != "DEBUG"),
        "{foreign:?}"
    );
}

#[test]
fn the_openapi_command_prints_the_document() {
    let output = bare_program().arg("openapi").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim_end(),
        pinroute::api::document().trim_end()
    );
}

/// A newcomer's start, without any configuration: the first code arrives on a simulated phone.
#[tokio::test]
async fn without_a_provider_it_starts_as_a_sandbox_and_delivers_a_code() {
    let folder = std::env::temp_dir().join(format!("pinroute-sandbox-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = bare_program();
    command
        .env("PINROUTE_LISTEN", "127.0.0.1:0")
        .env("PINROUTE_SIMULATOR_LISTEN", "127.0.0.1:0")
        .env(
            "PINROUTE_DATABASE_URL",
            format!("sqlite://{}/p.db", folder.display()),
        );
    let heads = ["API", "Phones", "API key"];
    let (server, [api, phones, key]) = Server::start_and_read(command, heads).await;
    let seen = crate::stage::first_code(&api, &phones, &key).await;
    assert_eq!(seen["valid"], true);
    let locked = std::fs::metadata(folder.join("p.db.key")).unwrap();
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&locked.permissions()) & 0o777,
        0o600
    );
    server.kill().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
