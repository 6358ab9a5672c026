//! `pinroute simulator`: runs only the simulator.

use std::net::{SocketAddr, TcpListener};

use super::{Failure, runtime, say, serve};
use crate::clock::Clock;
use crate::simulator::{Options, Pace, Simulator};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", arguments.listen));
    runtime()?.block_on(async {
        let listener = TcpListener::bind(arguments.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let options = Options {
            clock: Clock::system(),
            telegram_token: None,
            gateway: None,
            telegram_balance: None,
            pace: Pace::default(),
        };
        let simulator = Simulator::start(listener, options).map_err(failed)?;
        let address = simulator.address();
        say(&format!("Simulated phones:   http://{address}/"));
        say(&format!(
            "Telegram Gateway:   http://{address}/telegram   (telegram.base_url; any token)"
        ));
        say(&format!("SMS provider:       http://{address}/sms/send"));
        say(&format!("listening on http://{address}"));
        serve::until_told_to_stop().await?;
        simulator.stop().await;
        Ok(())
    })
}
