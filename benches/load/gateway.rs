//! The gateway under test, run as a separate process: its configuration, API key and resource usage.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::client::{Connection, write_request};

/// `utime` and `stime` of Linux's `/proc/PID/stat` count hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

pub struct Gateway {
    pub address: SocketAddr,
    pub key: String,
    folder: PathBuf,
    process: Child,
}

pub struct Setup<'a> {
    pub binary: &'a Path,
    /// `None`: SQLite in a temporary folder, removed at the end.
    pub database_url: Option<&'a str>,
    pub redis_url: &'a str,
    pub provider: SocketAddr,
}

impl Gateway {
    pub async fn start(setup: Setup<'_>) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("pinroute-load-{}", std::process::id()));
        let fault = |error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(fault)?;
        let address = free_address().map_err(fault)?;
        let config = folder.join("pinroute.toml");
        fs::write(&config, configuration(&setup, address, &folder)).map_err(fault)?;
        let log = File::create(folder.join("log")).map_err(fault)?;
        let process = Command::new(setup.binary)
            .arg("--config")
            .arg(&config)
            .current_dir(&folder)
            .stdout(log.try_clone().map_err(fault)?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}", setup.binary.display()))?;
        let mut gateway = Self {
            address,
            key: String::new(),
            folder,
            process,
        };
        gateway.wait_until_ready().await?;
        gateway.key = create_key(setup.binary, &config)?;
        Ok(gateway)
    }

    async fn wait_until_ready(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(60) {
            if self.get("/readyz").await.is_some() {
                return Ok(());
            }
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(format!("the gateway did not become ready; its log:\n{log}"))
    }

    /// The response body, if the status is 200.
    async fn get(&self, path: &str) -> Option<String> {
        let mut request = Vec::new();
        write_request(&mut request, "GET", path, &self.key, "");
        let mut connection = Connection::new(self.address);
        let (status, body) = connection.send(&request).await.ok()?;
        (status == 200).then(|| String::from_utf8_lossy(body).into_owned())
    }

    /// Changes committed so far, and the number of group commits.
    pub async fn commits(&self) -> Option<(f64, f64)> {
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

    /// Processor time used so far.
    pub fn cpu(&self) -> Option<Duration> {
        Some(TICK * Stat::read(self.process.id())?.own)
    }

    /// Resets [`Gateway::peak_memory`], if the system permits.
    pub fn forget_peak_memory(&self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5");
    }

    /// Peak resident memory in KiB.
    pub fn peak_memory(&self) -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let kill = format!("kill -TERM {}", self.process.id());
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
        let begin = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if begin.elapsed() > Duration::from_secs(10) {
                eprintln!("the gateway did not stop within 10 s of SIGTERM");
                let _ = self.process.kill();
                let _ = self.process.wait();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Processor time of a Postgres server and its child processes.
pub fn postgres_cpu(postmaster: u32) -> Option<Duration> {
    let server = Stat::read(postmaster)?;
    let children: u32 = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Stat::read)
        .filter(|stat| stat.parent == postmaster)
        .map(|stat| stat.own)
        .sum();
    Some(TICK * (server.own + server.ended_children + children))
}

/// Fields of `/proc/PID/stat`. Times are in ticks.
struct Stat {
    parent: u32,
    own: u32,
    ended_children: u32,
}

impl Stat {
    fn read(process: u32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The process name in parentheses may contain anything. Field 3 of proc_pid_stat(5) is the first after it.
        let fields: Vec<_> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
        Some(Self {
            parent: field(4)?,
            own: field(14)? + field(15)?,
            ended_children: field(16)? + field(17)?,
        })
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

fn create_key(binary: &Path, config: &Path) -> Result<String, String> {
    let output = Command::new(binary)
        .args([
            "keys",
            "create",
            "--project",
            "default",
            "--scope",
            "verify",
        ])
        .args(["--json", "--config"])
        .arg(config)
        .output()
        .map_err(|error| error.to_string())?;
    serde_json::from_slice::<serde_json::Value>(&output.stdout)
        .ok()
        .and_then(|answer| Some(answer.get("key")?.as_str()?.to_owned()))
        .ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("`pinroute keys create` printed no key: {said}")
        })
}

fn configuration(setup: &Setup<'_>, listen: SocketAddr, folder: &Path) -> String {
    let sqlite = format!("sqlite://{}", folder.join("pinroute.db").display());
    let database_url = setup.database_url.unwrap_or(&sqlite);
    let Setup {
        redis_url,
        provider,
        ..
    } = setup;
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
route  = [ {{ channel = "sms", wait = "30m" }} ]
budget = "off"
limits = {{ per_number = "off", per_ip = "off", creates = "off", wrong_codes_per_number = "off" }}
"#
    )
}
