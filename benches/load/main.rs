//! Load test of a release build: throughput, latency and resource usage.
//!
//! `./scripts/load` runs it on both engines. To run one engine:
//! `cargo bench --bench load -- --engine sqlite --connections 16,64 --seconds 10`; `--help` lists all options.
//!
//! Generator, stand-in provider, gateway and database share one machine. Throughput depends on that machine as much as
//! on the gateway; processor time per request is more meaningful.

mod client;
mod gateway;
mod phases;
mod provider;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gateway::{Gateway, Setup};
use phases::{Phase, Phases};
use provider::Provider;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
cargo bench --bench load -- [OPTIONS]

  --engine sqlite|postgres   the gateway's database [sqlite]
  --connections N[,N…]       concurrent clients; runs all phases once per number [16,64]
  --seconds N                duration of a phase [10]
  --delay-ms N               response time of the slow provider [300]
  --database-url URL         an empty Postgres database; required with --engine postgres
  --redis-url URL            Redis for limits [none: in the process]
  --postgres-pid PID         process id of Postgres, to measure its processor time
  --binary PATH              the pinroute binary to test [this build]
";

struct Options {
    postgres: bool,
    connections: Vec<usize>,
    seconds: u64,
    delay: Duration,
    database_url: Option<String>,
    redis_url: String,
    postgres_pid: Option<u32>,
    binary: PathBuf,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            postgres: false,
            connections: vec![16, 64],
            seconds: 10,
            delay: Duration::from_millis(300),
            database_url: None,
            redis_url: String::new(),
            postgres_pid: None,
            binary: PathBuf::from(env!("CARGO_BIN_EXE_pinroute")),
        };
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{flag} needs a value"));
            match flag.as_str() {
                "--bench" => {} // from cargo
                "--engine" => {
                    options.postgres = match value()?.as_str() {
                        "sqlite" => false,
                        "postgres" => true,
                        other => return Err(format!("unknown engine `{other}`")),
                    };
                }
                "--connections" => {
                    options.connections =
                        value()?.split(',').map(number).collect::<Result<_, _>>()?;
                }
                "--seconds" => options.seconds = number(&value()?)?,
                "--delay-ms" => options.delay = Duration::from_millis(number(&value()?)?),
                "--database-url" => options.database_url = Some(value()?),
                "--redis-url" => options.redis_url = value()?,
                "--postgres-pid" => options.postgres_pid = Some(number(&value()?)?),
                "--binary" => options.binary = PathBuf::from(value()?),
                _ => return Err(format!("unknown option `{flag}`")),
            }
        }
        if options.postgres && options.database_url.is_none() {
            return Err(String::from(
                "--engine postgres requires --database-url with an empty database, such as postgres://me@localhost/load; \
                 `./scripts/load` starts a temporary one",
            ));
        }
        Ok(options)
    }

    fn engine(&self) -> &'static str {
        if self.postgres { "postgres" } else { "sqlite" }
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a valid number"))
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` also runs benches, but without this argument.
    if !arguments.iter().any(|it| it == "--bench") || arguments.iter().any(|it| it == "--help") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(arguments.into_iter()) {
        Ok(options) => options,
        Err(fault) => {
            eprintln!("{fault}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // The stand-in provider holds one socket per message in flight.
    let _ = rlimit::increase_nofile_limit(1 << 20);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.div_ceil(4))
        .enable_all()
        .build()
        .expect("the runtime starts");
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = measure(&options) => outcome,
            () = interrupted() => Err(String::from("interrupted")),
        }
    });
    match outcome {
        Ok(rows) => {
            print_table(&options, cores, &rows);
            match rows.iter().all(Phase::is_clean) {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

async fn interrupted() {
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

async fn measure(options: &Options) -> Result<Vec<Phase>, String> {
    let provider = Provider::start()
        .await
        .map_err(|error| format!("the stand-in provider failed to start: {error}"))?;
    let gateway = Gateway::start(Setup {
        binary: &options.binary,
        database_url: options.database_url.as_deref(),
        redis_url: &options.redis_url,
        provider: provider.address,
    })
    .await?;
    let mut phases = Phases {
        gateway: &gateway,
        provider: Arc::clone(&provider),
        postgres_pid: options.postgres_pid,
        span: Duration::from_secs(options.seconds),
        delay: options.delay,
        next_number: Arc::default(),
        done: Vec::new(),
    };
    for connections in &options.connections {
        phases.run(*connections).await;
    }
    Ok(phases.done)
}

fn print_table(options: &Options, cores: usize, phases: &[Phase]) {
    println!(
        "\n{} on {cores} processors, {} s per phase, slow provider {} ms; times in ms, processor time in µs per request\n",
        options.engine(),
        options.seconds,
        options.delay.as_millis()
    );
    println!("{}", Phase::HEADING);
    for phase in phases {
        println!("{phase}");
    }
    let phases: Vec<_> = phases.iter().map(Phase::json).collect();
    println!(
        "\n{}",
        serde_json::json!({
            "engine": options.engine(),
            "processors": cores,
            "seconds": options.seconds,
            "delay_ms": u64::try_from(options.delay.as_millis()).unwrap_or(u64::MAX),
            "phases": phases,
        })
    );
}
