//! The command line: one file per command. To add one: a file, a variant, a line in [`run`].

mod check_config;
mod failure;
mod keys;
mod migrate;
mod process;
mod projects;
mod report;
mod seed;
mod serve;
mod settings;
mod simulator;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;
use process::{complain, runtime, say};

/// Self-hosted phone verification: one-time codes by Telegram, by SMS when Telegram cannot, accounted to the cent.
///
/// Without a command it serves. With no provider configured it starts as a sandbox with simulated phones.
#[derive(Debug, Parser)]
#[command(name = "pinroute", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration file (TOML). Every key can also be given as `PINROUTE_KEY`; `check-config --defaults` prints the manual.
    #[arg(long, global = true, value_name = "FILE", env = "PINROUTE_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run gateway, workers and dashboard in one process.
    Serve,
    /// Check the whole configuration, without asking any provider.
    CheckConfig(check_config::Arguments),
    /// Apply pending database migrations and print them.
    Migrate,
    /// List or create projects.
    #[command(subcommand)]
    Projects(projects::Command),
    /// Create, list or revoke API keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Make, list, disable users of the dashboard, or print a new link for a password.
    #[command(subcommand)]
    Users(users::Command),
    /// Report costs and conversion, or build the reports' sums anew.
    #[command(subcommand)]
    Report(report::Command),
    /// Fill a sandbox with plausible history: countries, channels, refunds, failures.
    Seed(seed::Arguments),
    /// Run the simulator alone: stand-in providers and virtual phones, for your own tests.
    Simulator(simulator::Arguments),
    /// Print the OpenAPI 3.1 document.
    Openapi,
}

/// Runs the command that the arguments name. Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let config = arguments.config.as_deref();
    let done = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(config),
        Command::CheckConfig(arguments) => check_config::run(config, &arguments),
        Command::Migrate => migrate::run(config),
        Command::Projects(command) => projects::run(config, command),
        Command::Keys(command) => keys::run(config, command),
        Command::Users(command) => users::run(config, command),
        Command::Report(command) => report::run(config, command),
        Command::Seed(arguments) => seed::run(config, &arguments),
        Command::Simulator(arguments) => simulator::run(&arguments),
        Command::Openapi => {
            say(&crate::api::document());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong(faults)) => {
            for fault in faults {
                complain(&fault);
            }
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            complain(&message);
            ExitCode::from(1)
        }
    }
}
