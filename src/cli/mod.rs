//! The command line, one file per command. To add a command: a file, a variant of `Command`, a line in [`run`].

mod archive;
mod backup;
mod check_config;
mod doctor;
mod exposed;
mod failure;
mod guard;
mod health;
mod integrations;
mod keys;
mod migrate;
mod process;
mod projects;
mod report;
mod restore;
mod retention;
mod secrets;
mod seed;
mod serve;
mod settings;
mod simulator;
mod sinks;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;
use process::{complain, runtime, say};

/// Self-hosted phone verification: one-time codes by Telegram, with SMS as fallback, accounted to the cent.
///
/// Without a command, it runs the server. Without a configured provider, it starts as a sandbox with simulated phones.
#[derive(Debug, Parser)]
#[command(name = "pinroute", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Configuration file (TOML). Every key can also be set as `PINROUTE_KEY`; `check-config --defaults` lists all
    /// keys.
    #[arg(long, global = true, value_name = "FILE", env = "PINROUTE_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway, its workers and the dashboard in one process.
    Serve,
    /// Validate the configuration, without calling any provider.
    CheckConfig(check_config::Arguments),
    /// Ask the server on this machine whether it is ready: exits 0 if it is, else 1. For health checks of containers.
    Health(health::Arguments),
    /// Examine what the server depends on, a line each, with the mend where something is wrong. Exits 1 if there is a fault.
    Doctor(doctor::Arguments),
    /// Apply pending database migrations and list them.
    Migrate(migrate::Arguments),
    /// Copy the database to a file, while the server runs. The secret key is not in it.
    Backup(backup::Arguments),
    /// Fill an empty database from a backup. What was going on then is ended: nothing is sent from the past.
    Restore(restore::Arguments),
    /// Manage projects: list, create, show, or change their policy.
    #[command(subcommand)]
    Projects(projects::Command),
    /// Manage API keys: create, list, or revoke.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Manage integrations, programs that have their codes delivered: create, list, show, change, rotate, or delete.
    #[command(subcommand)]
    Integrations(integrations::Command),
    /// Manage dashboard users: create, list, disable, enable, or reset a password.
    #[command(subcommand)]
    Users(users::Command),
    /// See what waits for the sinks of events, and redeliver it.
    #[command(subcommand)]
    Sinks(sinks::Command),
    /// Apply the ages of [retention] now, or count what would go.
    #[command(subcommand)]
    Retention(retention::Command),
    /// Seal everything with the current `secret_key`, so that a previous one can go.
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Report costs or conversion, or rebuild the report sums.
    #[command(subcommand)]
    Report(report::Command),
    /// Try the guard's rules on past traffic.
    #[command(subcommand)]
    Guard(guard::Command),
    /// Fill a sandbox with plausible history across countries and channels, with refunds and failures.
    Seed(seed::Arguments),
    /// Run only the simulator, with simulated providers and phones, for your own tests; or attack a sandbox with it.
    Simulator(simulator::Arguments),
    /// Print the OpenAPI 3.1 document.
    Openapi,
}

/// Runs the command given by the arguments. Exit codes: 0 success, 1 runtime failure, 2 invalid usage or configuration.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let config = arguments.config.as_deref();
    let done = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(config),
        Command::CheckConfig(arguments) => check_config::run(config, &arguments),
        Command::Health(arguments) => health::run(config, &arguments),
        Command::Doctor(arguments) => doctor::run(config, &arguments),
        Command::Migrate(arguments) => migrate::run(config, &arguments),
        Command::Backup(arguments) => backup::run(config, &arguments),
        Command::Restore(arguments) => restore::run(config, &arguments),
        Command::Projects(command) => projects::run(config, command),
        Command::Keys(command) => keys::run(config, command),
        Command::Integrations(command) => integrations::run(config, command),
        Command::Users(command) => users::run(config, command),
        Command::Sinks(command) => sinks::run(config, command),
        Command::Retention(command) => retention::run(config, &command),
        Command::Secrets(command) => secrets::run(config, &command),
        Command::Report(command) => report::run(config, command),
        Command::Guard(command) => guard::run(config, command),
        Command::Seed(arguments) => seed::run(config, &arguments),
        Command::Simulator(arguments) => simulator::run(config, &arguments),
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
