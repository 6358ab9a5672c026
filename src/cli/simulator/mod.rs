//! `pinroute simulator`: runs only the simulator, or attacks a sandbox.

mod attack;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::{Failure, runtime, say, serve};
use crate::app::on_this_machine;
use crate::clock::Clock;
use crate::config::Log;
use crate::simulator::{Listed, Options, Pace, Simulator};
use crate::telemetry;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Address to listen on.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PINROUTE_SIMULATOR_LISTEN",
        default_value = "127.0.0.1:8081"
    )]
    listen: SocketAddr,
    /// Hosts or origins that may get delivery reports, besides this machine: `https://verify.example.com`, or a host alone for
    /// https on any port. Can be repeated.
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    callbacks: Vec<Listed>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Pump a running sandbox, with honest visitors beside it, and say what it came to.
    Attack(attack::Arguments),
}

pub fn run(file: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    if let Some(Command::Attack(arguments)) = &arguments.command {
        return attack::run(file, arguments);
    }
    let failed = |error: std::io::Error| {
        let address = arguments.listen;
        Failure::Failed(format!(
            "{address}: {error}; choose another address with --listen"
        ))
    };
    telemetry::start_logs(&Log::default(), false).map_err(Failure::Failed)?;
    runtime()?.block_on(async {
        let listener = TcpListener::bind(arguments.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let options = Options {
            clock: Clock::system(),
            telegram_token: None,
            gateway: None,
            callbacks: arguments.callbacks.clone(),
            telegram_balance: None,
            pace: Pace::default(),
        };
        let simulator = Simulator::start(listener, options).map_err(failed)?;
        let address = on_this_machine(simulator.address());
        say(&format!("Simulated phones:   http://{address}/"));
        say(&format!(
            "Telegram Gateway:   http://{address}/telegram   (telegram.base_url; any token)"
        ));
        say(&format!("SMS provider:       http://{address}/sms/send"));
        say(&format!("listening on http://{}", simulator.address()));
        serve::Signals::listen()?.next().await;
        simulator.stop().await;
        Ok(())
    })
}
