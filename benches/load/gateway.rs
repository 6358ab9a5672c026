//! The gateway under test, or the bare server in its place, as processes of their own: configuration and API key.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ceiling;
use crate::client::{Connection, write_request};

/// What to measure.
#[derive(Clone, Copy)]
pub enum Program<'a> {
    Pinroute(&'a Path),
    /// The bare server of this program.
    Ceiling,
}

#[derive(Clone, Copy)]
pub struct Setup<'a> {
    pub program: Program<'a>,
    pub database_url: &'a str,
    pub redis_url: &'a str,
    pub provider: SocketAddr,
    pub limits: bool,
    pub replicas: usize,
}

pub struct Gateway {
    replicas: Vec<Replica>,
    pub key: String,
    /// What `keys create --json` printed, with what `integrations create --json` did as `hook`.
    pub created: Value,
}

struct Replica {
    address: SocketAddr,
    process: Child,
}

impl Gateway {
    /// Starts all replicas, one after another.
    pub async fn start(setup: Setup<'_>, folder: &Path) -> Result<Self, String> {
        let mut gateway = Self {
            replicas: Vec::new(),
            key: String::new(),
            created: Value::Null,
        };
        for number in 0..setup.replicas {
            let folder = folder.join(format!("replica-{number}"));
            fs::create_dir_all(&folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
            gateway.replicas.push(Replica::start(setup, &folder).await?);
            if number > 0 {
                continue;
            }
            if let Program::Pinroute(binary) = setup.program {
                let config = folder.join(CONFIG);
                gateway.created = create_key(binary, &config)?;
                let key = gateway.created["key"].as_str();
                gateway.key = key.unwrap_or_default().to_owned();
                // Older builds have none.
                gateway.created["hook"] = print_json(binary, &config, &HOOK).unwrap_or_default();
            }
        }
        Ok(gateway)
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.replicas.iter().map(|one| one.address).collect()
    }

    /// The address of the first one.
    pub fn address(&self) -> SocketAddr {
        self.replicas[0].address
    }

    pub fn pids(&self) -> Vec<u32> {
        self.replicas.iter().map(|one| one.process.id()).collect()
    }

    /// Changes committed so far, and the number of group commits.
    pub async fn commits(&self) -> Option<(f64, f64)> {
        let (mut changes, mut groups) = (0.0, 0.0);
        for replica in &self.replicas {
            let (more_changes, more_groups) = replica.commits().await?;
            changes += more_changes;
            groups += more_groups;
        }
        Some((changes, groups))
    }
}

impl Replica {
    async fn start(setup: Setup<'_>, folder: &Path) -> Result<Self, String> {
        let fault = |error| format!("{}: {error}", folder.display());
        let address = free_address().map_err(fault)?;
        let config = folder.join(CONFIG);
        fs::write(&config, configuration(&setup, address)).map_err(fault)?;
        let mut command = match setup.program {
            Program::Pinroute(binary) => {
                let mut command = Command::new(binary);
                command.arg("--config").arg(&config);
                command
            }
            Program::Ceiling => ceiling::command(address, setup.database_url, setup.provider)
                .map_err(|error| error.to_string())?,
        };
        let log = File::create(folder.join("log")).map_err(fault)?;
        let process = command
            .current_dir(folder)
            .stdout(log.try_clone().map_err(fault)?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let mut replica = Self { address, process };
        replica.wait_until_ready(folder).await?;
        Ok(replica)
    }

    async fn wait_until_ready(&mut self, folder: &Path) -> Result<(), String> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(60) {
            if self.get("/readyz").await.is_some() {
                eprintln!("  ready after {:.2} s", begin.elapsed().as_secs_f64());
                return Ok(());
            }
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        Err(format!("the gateway did not become ready; its log:\n{log}"))
    }

    /// The response body, if the status is 200.
    async fn get(&self, path: &str) -> Option<String> {
        let mut request = Vec::new();
        write_request(&mut request, "GET", path, "", "");
        let mut connection = Connection::new(self.address);
        let (status, body) = connection.send(&request).await.ok()?;
        (status == 200).then(|| String::from_utf8_lossy(body).into_owned())
    }

    async fn commits(&self) -> Option<(f64, f64)> {
        let metrics = self.get("/metrics").await?;
        let sum = |name: &str| -> Option<f64> {
            metrics
                .lines()
                .filter_map(|line| line.strip_prefix(name))
                .filter(|rest| rest.starts_with([' ', '{']))
                .map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
                .sum()
        };
        Some((
            sum("pinroute_commit_changes_total")?,
            sum("pinroute_commit_groups_total")?,
        ))
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let kill = format!("kill -TERM {}", self.process.id());
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
        let begin = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if begin.elapsed() > Duration::from_secs(30) {
                eprintln!("the gateway did not stop within 30 s of SIGTERM");
                let _ = self.process.kill();
                let _ = self.process.wait();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A folder for one run, removed at its end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn create() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("pinroute-load-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

const CONFIG: &str = "pinroute.toml";
const KEY: [&str; 6] = [
    "keys",
    "create",
    "--project",
    "default",
    "--scope",
    "verify",
];
const HOOK: [&str; 4] = ["integrations", "create", "--kind", "generic"];

fn create_key(binary: &Path, config: &Path) -> Result<Value, String> {
    let made = print_json(binary, config, &KEY)?;
    let is_made = made["key"].is_string();
    is_made
        .then_some(made)
        .ok_or_else(|| "`pinroute keys create` printed no key".to_owned())
}

/// What a command of the program prints with `--json`.
fn print_json(binary: &Path, config: &Path, arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(binary)
        .args(arguments)
        .args(["--json", "--config"])
        .arg(config)
        .output()
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("`pinroute {}` printed no JSON: {said}", arguments.join(" "))
    })
}

fn configuration(setup: &Setup<'_>, listen: SocketAddr) -> String {
    let Setup {
        database_url,
        redis_url,
        provider,
        ..
    } = setup;
    // The limits on numbers, codes and addresses are the default ones: every create has a number of its own, and no
    // client address. The others are as many as by default, and higher.
    let policy = if setup.limits {
        r#"
budget = { period = "day", limit = { amount = "9000000", currency = "USD" } }
limits = { creates = ["10000/1s"] }"#
    } else {
        r#"
budget = "off"
limits = { per_number = "off", per_ip = "off", creates = "off", wrong_codes_per_number = "off" }"#
    };
    // The waits outlast the run, so no phase does an earlier phase's follow-up work.
    format!(
        r#"
listen       = "{listen}"
public_url   = "http://{listen}"
database_url = {database_url:?}
redis_url    = {redis_url:?}
secret_key   = "cGlucm91dGUtbG9hZC10ZXN0LW5vdC1hLXNlY3JldCE="

[log]
level = "warn"

[telegram]
token    = "load"
base_url = "http://{provider}"

[[sms.providers]]
name       = "load"
kind       = "http"
url        = "http://{provider}/send"
json       = {{ to = "{{to}}", text = "{{text}}", ref = "{{attempt_id}}" }}
id_pointer = "/message_id"
prices     = {{ "*" = "0.05" }}
currency   = "USD"

[defaults]
ttl    = "1h"
route  = [ {{ channel = "telegram", wait = "30m" }}, {{ channel = "sms", wait = "30m" }} ]
{policy}
"#
    )
}
