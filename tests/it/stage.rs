//! A test's environment: a database on one of the engines, a manual clock, a faked outside world, and the real program,
//! started as often as the test needs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use pinroute::app::{self, App, Background, StartError};
use pinroute::clock::Clock;
use pinroute::config::{self, Settings};
use pinroute::gateway::Gateway;
use pinroute::ledger::tally::{Measure, SPANS};
use pinroute::reports::calendar::round_up;
use pinroute::reports::query::Wanted;
use pinroute::secret::random;
use pinroute::storage::{Db, NewKey};
use pinroute::verification::Verification;
use pinroute::verification::id::{AttemptId, ProjectId, VerificationId};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::world::{self, Sms, TOKEN, Telegram};

/// Runs each test on both engines: `on_both_engines!(name, …)` generates `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                $crate::stage::run($crate::stage::Engine::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                $crate::stage::run($crate::stage::Engine::Postgres, super::$name);
            }
        }
    )+};
}

/// Like `on_both_engines!`, for features that only Postgres has, such as several replicas.
#[macro_export]
macro_rules! on_postgres {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn postgres() {
                $crate::stage::run($crate::stage::Engine::Postgres, super::$name);
            }
        }
    )+};
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Time limit of a test. The slowest ones kill a server many times.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a test on a new stage and cleans up whatever its outcome.
pub fn run<F: Future<Output = ()> + Send + 'static>(
    engine: Engine,
    test: impl FnOnce(Stage) -> F + Send + 'static,
) {
    let Some(servers) = Servers::find(engine) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(async {
        let stage = Stage::set(engine, servers).await;
        let test = tokio::time::timeout(PATIENCE, test(stage.clone()));
        let ended = tokio::spawn(async { test.await.expect("the test ends in time") }).await;
        let left_over = stage.clear(ended.is_ok()).await;
        ended.map(|()| left_over)
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended {
        Ok(left_over) => assert!(left_over.is_empty(), "left running: {left_over:?}"),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// The servers that an engine's tests use.
struct Servers {
    postgres: String,
    redis: String,
}

impl Servers {
    /// `None` skips the test, because the servers are not configured.
    fn find(engine: Engine) -> Option<Self> {
        let url = |name: &str| std::env::var(name).unwrap_or_default();
        let postgres = url("PINROUTE_TEST_POSTGRES_URL");
        let redis = url("PINROUTE_TEST_REDIS_URL");
        if engine == Engine::Postgres && (postgres.is_empty() || redis.is_empty()) {
            assert!(
                url("PINROUTE_TEST_REQUIRE_ALL") != "1",
                "PINROUTE_TEST_POSTGRES_URL and PINROUTE_TEST_REDIS_URL must be set; ./scripts/test sets them"
            );
            println!("skipped: no PINROUTE_TEST_POSTGRES_URL and PINROUTE_TEST_REDIS_URL");
            return None;
        }
        Some(Self { postgres, redis })
    }

    /// Each test uses a schema as its search path: as separate as a database, but ten times faster to create.
    async fn run(&self, statement: &str) {
        let mut admin = PgConnection::connect(&self.postgres).await.unwrap();
        admin
            .execute(sqlx::AssertSqlSafe(statement.to_owned()))
            .await
            .unwrap();
        admin.close().await.unwrap();
    }
}

/// A handle to the stage. Clones share it.
#[derive(Clone)]
pub struct Stage(Arc<Inner>);

pub struct Inner {
    pub engine: Engine,
    pub clock: Clock,
    pub telegram: Telegram,
    pub sms: Sms,
    /// A second SMS provider, which only some tests configure.
    pub backup: Sms,
    /// The database, opened alongside the program, as administration commands do.
    pub db: Db,
    /// An API key of project `default` with the scopes `verify` and `finance`.
    pub key: String,
    pub database_url: String,
    pub redis_url: String,
    pub secret_key: String,
    /// Folder for the test's files.
    pub folder: PathBuf,
    servers: Servers,
    numbers: AtomicU32,
    running: Mutex<Vec<Running>>,
}

impl std::ops::Deref for Stage {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

struct Running {
    app: App,
    /// The program's own runtime; dropping it kills the program.
    runtime: tokio::runtime::Runtime,
}

impl Stage {
    async fn set(engine: Engine, servers: Servers) -> Self {
        static SETS: AtomicUsize = AtomicUsize::new(0);
        let set = SETS.fetch_add(1, Ordering::Relaxed);
        let name = format!("t_{:016x}", u64::from_be_bytes(random()));
        let folder = std::env::temp_dir().join(format!("pinroute-{name}"));
        std::fs::create_dir(&folder).unwrap();
        let database_url = match engine {
            Engine::Sqlite => format!("sqlite://{}/pinroute.db", folder.display()),
            Engine::Postgres => {
                servers.run(&format!("CREATE SCHEMA {name}")).await;
                format!("{}?options=-csearch_path%3D{name}", servers.postgres)
            }
        };
        // Pauses are shared through Redis under the provider's name. Tests therefore use different Redis databases, and
        // times far apart where they reuse one.
        let redis_url = match engine {
            Engine::Sqlite => String::new(),
            Engine::Postgres => format!("{}/{}", servers.redis.trim_end_matches('/'), set % 16),
        };
        let start: DateTime<Utc> = "2026-11-05T10:00:00Z".parse().unwrap();
        let clock = Clock::manual(start + TimeDelta::days(60) * i32::try_from(set).unwrap());
        let (telegram, sms, backup) = tokio::join!(Telegram::start(), Sms::start(), Sms::start());
        let secret_key = STANDARD.encode(random::<32>());
        let text = toml_text(&database_url, &redis_url, &secret_key, &telegram, &sms);
        let settings = settings(&text, &[]);
        let vault = Arc::new(app::vault(&settings).unwrap());
        let db = app::open_db(&settings, vault, &clock, false).await.unwrap();
        let stage = Self(Arc::new(Inner {
            engine,
            clock,
            telegram,
            sms,
            backup,
            db,
            key: format!("pin_{name}"),
            database_url,
            redis_url,
            secret_key,
            folder,
            servers,
            numbers: AtomicU32::new(1_000_000),
            running: Mutex::default(),
        }));
        let project = stage.project("default").await;
        stage
            .keep_key(Some(project), "verify,finance", &stage.key)
            .await;
        stage
    }

    /// Stops everything and returns what had not ended by itself.
    async fn clear(&self, in_order: bool) -> Vec<String> {
        let mut left_over = Vec::new();
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        for Running { app, runtime } in running {
            let tasks = app.gateway.tasks().clone();
            tasks.close();
            let ended = tokio::time::timeout(Duration::from_secs(15), tasks.wait()).await;
            if in_order && ended.is_err() {
                left_over.push(format!("{} tasks of the gateway", tasks.len()));
            }
            app.stop().await;
            end(runtime).await;
        }
        if in_order {
            left_over.extend(self.sums_that_differ().await);
        }
        if self.engine == Engine::Postgres {
            let (_, name) = self.database_url.rsplit_once("%3D").unwrap();
            self.servers
                .run(&format!(
                    "DROP SCHEMA IF EXISTS {name}, {name}_hidden CASCADE"
                ))
                .await;
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        left_over
    }

    /// Compares the report sums with those rebuilt from verifications and ledger entries. They must agree after every
    /// test.
    async fn sums_that_differ(&self) -> Vec<String> {
        // All time, and the latest periods of each span, to cover every kind of sum.
        let mut wanted = vec![(0, vec![(0, i64::from(u32::MAX))])];
        for span in SPANS {
            let end = round_up(self.clock.now().timestamp() + 1, span);
            let periods = (0..12).map(|back| (end - span * (back + 1), end - span * back));
            wanted.push((span, periods.collect()));
        }
        let read = async || {
            let mut all = Vec::new();
            for (span, periods) in &wanted {
                let wanted = Wanted {
                    periods: periods.clone(),
                    project: None,
                    by: [true; 4],
                    measures: &Measure::ALL,
                    ever: true,
                };
                for sum in self.db.sums(&wanted).await.unwrap() {
                    if sum.values.iter().any(|value| *value != 0) {
                        all.push(format!("{span} {sum:?}"));
                    }
                }
                for time in self.db.times(&wanted).await.unwrap() {
                    if time.values.iter().any(|value| *value != 0) {
                        all.push(format!("{span} {time:?}"));
                    }
                }
            }
            all.sort_unstable();
            all
        };
        let grown = read().await;
        self.db.rebuild(&self.clock, |_| {}).await.unwrap();
        let rebuilt = read().await;
        while self.db.sum_tallies(self.clock.now()).await.unwrap() {}
        let summed = read().await;
        let differ = |name: &str, one: &[String], other: &[String]| {
            let only: Vec<&String> = one.iter().filter(|row| !other.contains(row)).collect();
            (!only.is_empty()).then(|| format!("sums {name}: {only:?}"))
        };
        [
            differ("that should not be there", &grown, &rebuilt),
            differ("that are missing", &rebuilt, &grown),
            differ("that were lost", &rebuilt, &summed),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Makes every statement fail, as if the tables were lost. Postgres only.
    pub async fn hide_database(&self) {
        let (_, name) = self.database_url.rsplit_once("%3D").unwrap();
        let rename = format!("ALTER SCHEMA {name} RENAME TO {name}_hidden");
        self.servers.run(&rename).await;
    }

    pub async fn show_database(&self) {
        let (_, name) = self.database_url.rsplit_once("%3D").unwrap();
        let rename = format!("ALTER SCHEMA {name}_hidden RENAME TO {name}");
        self.servers.run(&rename).await;
    }

    /// The program's configuration file.
    pub fn toml(&self) -> String {
        toml_text(
            &self.database_url,
            &self.redis_url,
            &self.secret_key,
            &self.telegram,
            &self.sms,
        )
    }

    /// Configuration of a sandbox on the same database.
    pub fn sandbox_toml(&self) -> String {
        let (database, secret) = (&self.database_url, &self.secret_key);
        format!("sandbox = true\ndatabase_url = \"{database}\"\nsecret_key = \"{secret}\"\n")
    }

    /// Starts the program with the stage's settings.
    pub async fn app(&self) -> TestApp {
        self.app_with(&[]).await
    }

    /// Starts the program with changed settings, named like environment variables: `("DEFAULTS__MAX_CHECKS", "2")`.
    pub async fn app_with(&self, changes: &[(&str, &str)]) -> TestApp {
        match self.try_app(changes).await {
            Ok(app) => app,
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn try_app(&self, changes: &[(&str, &str)]) -> Result<TestApp, StartError> {
        let settings = settings(&self.toml(), changes);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let start = App::start(settings, self.clock.clone(), Background::ByHand);
        let app = match runtime.spawn(start).await.unwrap() {
            Ok(app) => app,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let handle = TestApp {
            client: self.client(&format!("http://{}", app.address)),
            gateway: app.gateway.clone(),
        };
        self.running.lock().unwrap().push(Running { app, runtime });
        Ok(handle)
    }

    /// A client for a program at this address, in any process.
    pub fn client(&self, base: &str) -> Client {
        Client {
            stage: self.clone(),
            base: base.to_owned(),
            key: self.key.clone(),
        }
    }

    fn take(&self, app: &TestApp) -> Running {
        let mut running = self.running.lock().unwrap();
        let place = running
            .iter()
            .position(|running| app.base.ends_with(&running.app.address.to_string()));
        running.remove(place.expect("the program runs"))
    }

    /// Stops a program as a signal does: it finishes work in progress first.
    pub async fn stop(&self, app: TestApp) {
        let tasks = app.gateway.tasks().clone();
        tasks.close();
        tasks.wait().await;
        self.kill(app).await;
    }

    /// Kills a program at once: answers to sends in progress are lost.
    pub async fn kill(&self, app: TestApp) {
        let Running {
            app: running,
            runtime,
        } = self.take(&app);
        drop(app);
        // The grace period is zero (`toml_text`), so running work is not awaited and ends with the runtime.
        running.stop().await;
        end(runtime).await;
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A number in Uzbekistan, different on each call.
    pub fn number(&self) -> String {
        format!("+99890{}", self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// A project's id. Creates the project if it does not exist.
    pub async fn project(&self, name: &str) -> ProjectId {
        let projects = self.db.list_projects().await.unwrap();
        match projects.iter().find(|project| project.name == name) {
            Some(project) => project.id,
            None => {
                self.db
                    .create_project(name, "{}", self.clock.now())
                    .await
                    .unwrap()
                    .id
            }
        }
    }

    /// Creates a key for a project, or for the whole instance.
    pub async fn new_key(&self, project: Option<&str>, scopes: &str) -> String {
        let project = match project {
            Some(name) => Some(self.project(name).await),
            None => None,
        };
        let secret = format!("pin_{:032x}", u128::from_be_bytes(random()));
        self.keep_key(project, scopes, &secret).await;
        secret
    }

    pub async fn keep_key(&self, project: Option<ProjectId>, scopes: &str, secret: &str) -> Uuid {
        let key = NewKey {
            project,
            scopes: scopes.to_owned(),
            expires_at: None,
            made_by: None,
        };
        self.db
            .create_key(&key, secret, self.clock.now())
            .await
            .unwrap()
    }

    /// An SMS provider's settings, as an item of `sms.providers`.
    pub fn sms_provider(name: &str, sms: &Sms) -> Value {
        json!({
            "name": name, "kind": "http", "url": format!("http://{}/send", sms.fake.address),
            "json": { "to": "{to}", "text": "{text}", "ref": "{attempt_id}", "dlr": "{callback_url}" },
            "id_pointer": "/message_id",
            "refuse": { "pointer": "/error_code", "values": ["7"] },
            "report": { "id_pointer": "/message_id", "status_pointer": "/status",
                        "delivered": ["DELIVRD"], "failed": ["UNDELIV"] },
            "prices": { "UZ": "0.05", "*": "0.08" }, "currency": "USD", "timeout": "300ms",
        })
    }
}

/// Drops a runtime with everything that runs on it.
async fn end(runtime: tokio::runtime::Runtime) {
    let end = move || runtime.shutdown_timeout(Duration::from_secs(5));
    tokio::task::spawn_blocking(end).await.unwrap();
}

fn settings(text: &str, changes: &[(&str, &str)]) -> Settings {
    let env = changes
        .iter()
        .map(|(name, value)| (format!("PINROUTE_{name}"), (*value).to_owned()));
    let loaded = config::load(Some(("test", text)), env, &|path| {
        std::fs::read_to_string(path)
    });
    let loaded = loaded.unwrap_or_else(|faults| panic!("{faults:?}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    loaded.settings
}

fn toml_text(database: &str, redis: &str, secret: &str, telegram: &Telegram, sms: &Sms) -> String {
    let (telegram, sms) = (telegram.fake.address, sms.fake.address);
    format!(
        r#"
listen = "127.0.0.1:0"
public_url = "https://verify.example"
database_url = "{database}"
redis_url = "{redis}"
secret_key = "{secret}"
shutdown_grace = "0s"
workers = 1

[telegram]
token = "{TOKEN}"
base_url = "http://{telegram}"
timeout = "300ms"

[[sms.providers]]
name = "main"
kind = "http"
url = "http://{sms}/send"
headers = {{ Authorization = "Bearer sms-secret" }}
json = {{ to = "{{to}}", text = "{{text}}", ref = "{{attempt_id}}", dlr = "{{callback_url}}" }}
id_pointer = "/message_id"
refuse = {{ pointer = "/error_code", values = ["7"] }}
report = {{ id_pointer = "/message_id", status_pointer = "/status", delivered = ["DELIVRD"], failed = ["UNDELIV"] }}
prices = {{ UZ = "0.05", "*" = "0.08" }}
currency = "USD"
timeout = "300ms"
"#
    )
}

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
    /// Runs the verification's due work and returns the verification from the API.
    pub async fn settle(&self, id: &Value) -> Value {
        self.settled(id).await;
        self.find(id).await
    }

    pub async fn settled(&self, id: &Value) -> Verification {
        let id = VerificationId::from_uuid(Uuid::parse_str(word(id)).unwrap());
        let settled =
            tokio::time::timeout(Duration::from_secs(30), self.gateway.verify().settle(id)).await;
        settled.expect("the work ends").unwrap()
    }

    /// Advances the clock and runs due work.
    pub async fn later(&self, id: &Value, seconds: u64) -> Value {
        self.stage.advance(seconds);
        self.settle(id).await
    }

    /// Sends a Telegram report, signed with the current token, and runs the work that it makes due.
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

/// An HTTP client for a program, using the stage's key.
#[derive(Clone)]
pub struct Client {
    pub stage: Stage,
    pub base: String,
    pub key: String,
}

impl Client {
    /// A client for the same program with another key.
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

    /// POSTs with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Reply {
        let request = self
            .request(reqwest::Method::POST, path)
            .header("Idempotency-Key", key);
        self.send(request.json(&body)).await
    }

    /// Builds a request with the key, for [`Client::send`].
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        CLIENT
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.key)
    }

    /// Builds a request without a key, for [`Client::send`].
    pub fn open_request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        CLIENT.request(method, format!("{}{path}", self.base))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("the answer is complete");
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

    /// POSTs to a server that may die: `None` if it does not answer.
    pub async fn try_post(&self, path: &str, body: &Value, status: u16) -> Option<Value> {
        let response = self
            .request(reqwest::Method::POST, path)
            .json(body)
            .send()
            .await
            .ok()?;
        let told = response.status().as_u16();
        let text = response.text().await.ok()?;
        assert_eq!(told, status, "{text}");
        Some(serde_json::from_str(&text).unwrap())
    }

    pub async fn start(&self, body: Value) -> Reply {
        self.post("/v1/verifications", body).await
    }

    /// Starts a verification for a new number and returns it.
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

    /// A verification's ledger entries, oldest first: kind, basis, amount.
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

    /// The code in the newest Telegram message.
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

static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' only client; it connects only to our own server"
    )]
    let builder = reqwest::Client::builder();
    // A pooled connection belongs to the runtime of the test that opened it, so it must not outlive the test.
    let builder = builder.pool_max_idle_per_host(0).no_proxy();
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
});

/// A response.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// Null if the body is not JSON.
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

    /// Asserts a complete problem document (RFC 9457) and returns it.
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

    /// The pointers in a problem's `errors`, sorted.
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

/// Asserts that the object has exactly these fields.
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

/// A newcomer's first verification: sends a code in the sandbox, reads it from the simulated phone and checks it.
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
        .expect("the message arrives");
    json(
        post(&format!("/v1/verifications/{}/check", word(&v["id"]))).json(&json!({ "code": code })),
    )
    .await
}
