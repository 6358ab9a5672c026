//! Servers that these tests start: Postgres and Redis with TLS, Redis Sentinel, PgBouncer.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pinroute::secret::random;
use sqlx::{Connection, Executor, PgConnection};

use crate::stage::Stage;

/// The program that a variable names, or why the test is skipped.
pub fn program(variable: &str) -> Option<String> {
    let found = std::env::var(variable).unwrap_or_default();
    if found.is_empty() {
        println!("skipped: {variable} is not set");
        return None;
    }
    Some(found)
}

pub fn postgres_folder() -> Option<String> {
    program("PINROUTE_TEST_PEERS_POSTGRES")
}

pub fn redis_server() -> Option<String> {
    program("PINROUTE_TEST_PEERS_REDIS")
}

pub fn pgbouncer() -> Option<String> {
    program("PINROUTE_TEST_PEERS_PGBOUNCER")
}

/// A process, killed when dropped.
pub struct Peer {
    pub port: u16,
    child: Child,
}

impl Peer {
    /// Starts it, and waits until it listens on `port`.
    pub async fn start(mut command: Command, port: u16) -> Self {
        let log = command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = log.stderr(Stdio::null()).spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            tokio::task::yield_now().await;
        }
        Self { port, child }
    }

    /// As SIGKILL does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Postgres and PgBouncer refuse to run as root: then they run as the user `postgres`, or `nobody`.
pub fn unprivileged(program: &str, folder: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let known = Command::new("id").args(["-u", "postgres"]).output();
    let user = match known.is_ok_and(|known| known.status.success()) {
        true => "postgres",
        false => "nobody",
    };
    let owned = Command::new("chown")
        .arg("-R")
        .arg(user)
        .arg(folder)
        .status();
    assert!(owned.unwrap().success());
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), "--clear-groups", "--", program]);
    command.current_dir(folder);
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// A folder of the stage's, below which another user may read.
pub fn folder(stage: &Stage, name: &str) -> PathBuf {
    let folder = stage.folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// An authority, and a certificate that it signed for 127.0.0.1.
pub struct Certificates {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificates {
    pub fn make(folder: &Path, name: &str) -> Self {
        let at = |suffix: &str| folder.join(format!("{name}{suffix}"));
        let (authority, authority_key) = (at("-ca.pem"), at("-ca.key"));
        let (certificate, key, request, extensions) =
            (at(".pem"), at(".key"), at(".csr"), at(".ext"));
        std::fs::write(&extensions, "subjectAltName = IP:127.0.0.1\n").unwrap();
        let openssl = |arguments: &[&str], paths: &[(&str, &Path)]| {
            let mut command = Command::new("openssl");
            command.args(arguments);
            for (option, path) in paths {
                command.arg(option).arg(path);
            }
            let made = command.output().unwrap();
            let said = String::from_utf8_lossy(&made.stderr);
            assert!(made.status.success(), "{command:?}: {said}");
        };
        let new = ["req", "-newkey", "rsa:2048", "-nodes", "-subj"];
        openssl(
            &[&new[..], &["/CN=Authority", "-x509", "-days", "2"]].concat(),
            &[("-keyout", &authority_key), ("-out", &authority)],
        );
        openssl(
            &[&new[..], &["/CN=Server"]].concat(),
            &[("-keyout", &key), ("-out", &request)],
        );
        openssl(
            &["x509", "-req", "-CAcreateserial", "-days", "2"],
            &[
                ("-in", &request),
                ("-CA", &authority),
                ("-CAkey", &authority_key),
                ("-extfile", &extensions),
                ("-out", &certificate),
            ],
        );
        Self {
            authority,
            certificate,
            key,
        }
    }
}

/// A database of its own on the stage's Postgres, for what a schema cannot do.
pub struct Database {
    pub name: String,
    pub url: String,
    server: String,
}

impl Database {
    pub async fn make(stage: &Stage) -> Self {
        let (server, _) = stage.database_url.split_once('?').unwrap();
        let name = format!("d_{:016x}", u64::from_be_bytes(random()));
        let (base, _) = server.rsplit_once('/').unwrap();
        let database = Self {
            url: format!("{base}/{name}"),
            server: server.to_owned(),
            name,
        };
        database.at_server("CREATE DATABASE ").await;
        database
    }

    /// Where the server is, as `HOST:PORT`.
    pub fn host_and_port(&self) -> (&str, &str) {
        let (_, rest) = self.server.rsplit_once('@').unwrap();
        rest.split('/').next().unwrap().rsplit_once(':').unwrap()
    }

    pub async fn drop(self) {
        self.at_server("DROP DATABASE ").await;
    }

    async fn at_server(&self, verb: &str) {
        let mut admin = PgConnection::connect(&self.server).await.unwrap();
        let force = if verb.starts_with("DROP") {
            " WITH (FORCE)"
        } else {
            ""
        };
        let sql = format!("{verb}{}{force}", self.name);
        admin.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        admin.close().await.unwrap();
    }
}

/// Runs statements over a connection of its own.
pub async fn run_sql(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}

pub async fn count(url: &str, sql: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let count = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()));
    let count = count.fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    count
}
