//! `pinroute simulator`: runs only the simulator.

use std::net::{SocketAddr, TcpListener};

use super::{Failure, runtime, say, serve};
use crate::app::on_this_machine;
use crate::clock::Clock;
use crate::config::Log;
use crate::simulator::{Listed, Options, Pace, Simulator};
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub struct Arguments {
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

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
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
