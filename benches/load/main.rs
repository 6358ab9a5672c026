//! Load test: processor time, throughput, latency and memory of what ships.
//!
//! `./scripts/load` runs it on both engines. To run one engine:
//! `cargo bench --profile ship --bench load -- --engine sqlite --connections 16,64 --seconds 10`; `--help` lists all options.
//!
//! Generator, stand-in providers, gateway and stores share one machine. Throughput depends on that machine as much as
//! on the gateway; processor time per request is more meaningful.

mod ceiling;
mod client;
mod dialects;
mod fill;
mod gateway;
mod options;
mod phase;
mod phases;
mod provider;
mod report;
mod soak;
mod stores;
mod upkeep;
mod usage;
mod work;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gateway::{Folder, Gateway, Program, Setup};
use options::{Kind, Options, USAGE};
use phases::Phases;
use provider::Provider;
use report::{Outcome, Series};
use stores::Database;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use upkeep::Bloat;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` also runs benches, but without this argument.
    if !arguments.iter().any(|it| it == "--bench") || arguments.iter().any(|it| it == "--help") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let _ = rlimit::increase_nofile_limit(1 << 20);
    if arguments.get(1).is_some_and(|it| it == ceiling::FLAG) {
        return serve_ceiling(&arguments[2..]);
    }
    let options = match Options::parse(arguments.into_iter()) {
        Ok(options) => options,
        Err(fault) => {
            eprintln!("{fault}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = Builder::new_multi_thread()
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
        Ok((builds, ceiling)) => {
            report::print(&options, cores, &builds, &ceiling);
            match builds.iter().chain([&ceiling]).all(Series::is_clean) {
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

fn serve_ceiling(arguments: &[String]) -> ExitCode {
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the runtime starts");
    match runtime.block_on(ceiling::serve(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
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

/// All rounds: of each build, and of the bare server.
async fn measure(options: &Options) -> Result<(Vec<Series>, Series), String> {
    let provider = Provider::start()
        .await
        .map_err(|error| format!("the stand-in provider failed to start: {error}"))?;
    let binaries = std::iter::once(&options.binary).chain(&options.against);
    let programs: Vec<_> = binaries
        .flat_map(|binary| options.filled.iter().map(move |filled| (binary, *filled)))
        .collect();
    let title = |(binary, filled): &(&std::path::PathBuf, u32)| {
        let filled = match filled {
            0 => String::new(),
            filled => format!(", filled with {filled}"),
        };
        Series::new(format!("{}{filled}", binary.display()))
    };
    let mut builds: Vec<_> = programs.iter().map(title).collect();
    let mut ceiling = Series::new(String::from("bare server"));
    let has_build = options.phases.iter().any(|kind| *kind != Kind::Ceiling);
    for round in 1..=options.rounds {
        if has_build {
            for ((binary, filled), build) in programs.iter().zip(&mut builds) {
                eprintln!("round {round} of {}, {}", options.rounds, build.title);
                let outcome = run(options, &provider, Program::Pinroute(binary), *filled).await?;
                build.rounds.push(outcome);
            }
        }
        if options.measures(Kind::Ceiling) {
            eprintln!("round {round} of {}, {}", options.rounds, ceiling.title);
            let outcome = run(options, &provider, Program::Ceiling, 0).await?;
            ceiling.rounds.push(outcome);
        }
    }
    Ok((builds, ceiling))
}

/// One run of one program, on new stores with so many past verifications.
async fn run(
    options: &Options,
    provider: &Arc<Provider>,
    program: Program<'_>,
    filled: u32,
) -> Result<Outcome, String> {
    let folder = Folder::create()?;
    let server_url = options.database_url.as_deref().filter(|_| options.postgres);
    let database = Database::create(server_url, &folder.0).await?;
    let redis_before = stores::empty_redis(&options.redis_url).await?;
    let setup = Setup {
        program,
        database_url: &database.url(),
        redis_url: &options.redis_url,
        provider: provider.address,
        limits: options.limits,
        replicas: match program {
            Program::Pinroute(_) => options.replicas,
            Program::Ceiling => 1,
        },
    };
    let mut gateway = Gateway::start(setup, &folder.0).await?;
    let mut used = 0;
    // An empty database that is compared with a filled one has as young a gateway, which must look for what it cannot remember.
    if matches!(program, Program::Pinroute(_)) && options.filled.iter().any(|it| *it > 0) {
        let phases = Phases::new(options, &gateway, &database, provider);
        phases.end_some().await;
        used = phases.next_number.load(Ordering::Relaxed);
        drop(gateway);
        fill::fill(&database, filled, options.unmoved).await?;
        gateway = Gateway::start(setup, &folder.0).await?;
    }
    let mut phases = Phases::new(options, &gateway, &database, provider);
    phases.next_number.store(used, Ordering::Relaxed);
    for connections in &options.connections {
        match program {
            Program::Pinroute(_) => phases.run(*connections).await,
            Program::Ceiling => phases.run_ceiling(*connections).await,
        }
    }
    let numbers = f64::from(phases.next_number.load(Ordering::Relaxed).max(1));
    let Phases { done, soaked, .. } = phases;
    let mut redis_bytes = None;
    if let (Program::Pinroute(_), Some(before)) = (program, redis_before) {
        let after = stores::redis_memory(&options.redis_url).await;
        redis_bytes = after.map(|after| (after - before) / numbers);
    }
    drop(gateway);
    let tables = match soaked.is_empty() {
        true => None,
        false => database.tables().await,
    };
    let (mut kept, mut compact) = (None, None);
    // With copies it takes long, and only a soak needs what it leaves.
    if matches!(program, Program::Pinroute(_)) && (filled == 0 || !soaked.is_empty()) {
        match database.kept().await {
            Ok((bytes, less)) if filled == 0 => (kept, compact) = (Some(bytes), less),
            Ok(_) => {} // mostly of copies
            Err(error) => eprintln!("cannot measure the database: {error}"),
        }
    }
    let mut bloat = None;
    if let Some(before) = tables {
        let after = database.tables().await;
        bloat = after.map(|after| Bloat { before, after });
    }
    database.remove().await;
    Ok(Outcome {
        phases: done,
        kept,
        compact,
        redis_bytes,
        soaked,
        bloat,
    })
}
