//! A test's environment: a database on one of the engines, a manual clock, a faked outside world, and the real program,
//! started as often as the test needs.

mod client;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use pinroute::app::{self, App, Background, StartupError};
use pinroute::clock::Clock;
use pinroute::config::{self, Settings};
use pinroute::ledger::measure::Measure;
use pinroute::ledger::tally::SPANS;
use pinroute::reports::calendar::round_up;
use pinroute::reports::query::Wanted;
use pinroute::secret::random;
use pinroute::storage::{Act, Db, NewKey};
use pinroute::verification::id::ProjectId;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use uuid::Uuid;

pub use client::{CLIENT, Client, Reply, TestApp, assert_fields, first_code, word};

use crate::world::{Sms, TOKEN, Telegram};

/// A route of SMS only.
pub const SMS: (&str, &str) = ("DEFAULTS__ROUTE", r#"[{"channel":"sms","wait":"60s"}]"#);

/// A resend need not wait.
pub const AT_ONCE: (&str, &str) = ("DEFAULTS__RESEND_AFTER", "0s");

/// No limit on what one number gets.
pub const UNLIMITED: (&str, &str) = ("DEFAULTS__LIMITS__PER_NUMBER", "off");

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
        // All time, and the latest periods of each span, to cover every kind of sum. Together, since a statement with every measure takes
        // long to plan.
        let now = self.clock.now().timestamp() + 1;
        let latest = SPANS.into_iter().flat_map(|span| {
            let end = round_up(now, span);
            (0..12).map(move |back| (end - span * (back + 1), end - span * back))
        });
        let wanted = Wanted {
            periods: [(0, i64::from(u32::MAX))]
                .into_iter()
                .chain(latest)
                .collect(),
            project: None,
            by: [true; 4],
            measures: &Measure::ALL,
            ever: true,
        };
        let read = async || {
            let mut all = Vec::new();
            for sum in self.db.sums(&wanted).await.unwrap() {
                if sum.values.iter().any(|value| *value != 0) {
                    all.push(format!("{sum:?}"));
                }
            }
            for time in self.db.times(&wanted).await.unwrap() {
                if time.values.iter().any(|value| *value != 0) {
                    all.push(format!("{time:?}"));
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

    /// Runs statements that the program would never make.
    pub async fn run_sql(&self, statements: &str) {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned()));
        match self.engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.database_url).await.unwrap();
                connection.execute(sql).await.unwrap();
                connection.close().await.unwrap();
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&self.database_url).await.unwrap();
                connection.execute(sql).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// Makes a verification's row unreadable, until [`Stage::mend`].
    pub async fn spoil(&self, verification: Uuid) {
        let id = self.literal(verification);
        let text = match self.engine {
            Engine::Sqlite => "hex(packed)",
            Engine::Postgres => "encode(packed, 'hex')",
        };
        // Its bytes, where JSON is expected.
        let sql =
            format!("UPDATE verifications SET record = {text}, packed = NULL WHERE id = {id}");
        self.run_sql(&sql).await;
    }

    pub async fn mend(&self, verification: Uuid) {
        let id = self.literal(verification);
        let bytes = match self.engine {
            Engine::Sqlite => "unhex(record)",
            Engine::Postgres => "decode(record, 'hex')",
        };
        let sql = format!("UPDATE verifications SET packed = {bytes}, record = '' WHERE id = {id}");
        self.run_sql(&sql).await;
    }

    /// An id as SQL writes it.
    pub fn literal(&self, id: Uuid) -> String {
        match self.engine {
            Engine::Sqlite => format!("X'{}'", id.simple()),
            Engine::Postgres => format!("'{id}'"),
        }
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

    pub async fn try_app(&self, changes: &[(&str, &str)]) -> Result<TestApp, StartupError> {
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

    /// What the program does by itself now.
    pub fn act(&self) -> Act {
        Act::of_program(self.clock.now())
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
                    .create_project(name, "{}", &self.act())
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
            name: None,
            project,
            scopes: scopes.to_owned(),
            expires_at: None,
            made_by: None,
        };
        self.db.create_key(&key, secret, &self.act()).await.unwrap()
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
    // The stage's public URL is one of an example.
    let mut warnings = loaded.warnings.iter();
    let unmeant = warnings.find(|warning| !warning.contains("is an example"));
    assert_eq!(unmeant, None);
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
