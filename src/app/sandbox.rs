//! What sandbox mode adds to the program: the simulator, its key, and their end when the database goes live.

use std::net::{IpAddr, SocketAddr, TcpListener};

use super::error::{StartupError, failed};
use super::listen::on_this_machine;
use crate::clock::Clock;
use crate::config::Settings;
use crate::gateway::{SANDBOX_OWNER, ledger_balances};
use crate::secret::Vault;
use crate::simulator::{self, Simulator};
use crate::storage::{Act, Db, NewKey};

/// The name of the sandbox's Telegram account.
const TELEGRAM: &str = "telegram";

/// What sandbox mode adds to the program.
#[derive(Debug)]
pub struct Sandbox {
    pub simulator: SocketAddr,
    pub api_key: String,
    /// The URL of the page with the virtual phones.
    pub page: String,
    running: Simulator,
}

impl Sandbox {
    /// Stops the simulator.
    pub(super) async fn stop(self) {
        self.running.stop().await;
    }
}

/// Starts the simulator on its listener and gives it a key.
pub(super) async fn start(
    settings: &Settings,
    listener: TcpListener,
    (public_url, address): (&str, SocketAddr),
    clock: &Clock,
    vault: &Vault,
    db: &Db,
) -> Result<Sandbox, StartupError> {
    // The keys are the same at each start, so that examples stay valid.
    let (api_key, page_key) = (vault.sandbox_api_key(), vault.sandbox_page_key());
    let options = simulator::Options {
        clock: clock.clone(),
        telegram_token: None,
        gateway: Some(simulator::Gateway {
            url: public_url.to_owned(),
            address: on_this_machine(address),
            api_key: page_key.clone(),
        }),
        callbacks: callbacks(settings, public_url)?,
        telegram_balance: Some(balance(db).await?),
        pace: simulator::Pace::default(),
    };
    let running = Simulator::start(listener, options).map_err(failed)?;
    let projects = db.list_projects().await.map_err(failed)?;
    let project = projects
        .iter()
        .find(|project| project.name == "default")
        .map(|project| project.id);
    for (secret, scopes) in [(&api_key, "verify,finance,admin"), (&page_key, "verify")] {
        let key = NewKey {
            name: Some("sandbox".to_owned()),
            project,
            scopes: scopes.to_owned(),
            expires_at: None,
            made_by: None,
        };
        db.create_key(&key, secret, &Act::of_program(clock.now()))
            .await
            .map_err(failed)?;
    }
    let simulator = running.address();
    Ok(Sandbox {
        simulator: on_this_machine(simulator),
        page: page(simulator, public_url),
        api_key,
        running,
    })
}

/// What the simulated Telegram account holds, in hundredths: what the ledger says, so that both agree after a restart too. A
/// ledger without bookings by hand does not know what the account held at first.
async fn balance(db: &Db) -> Result<i32, StartupError> {
    const MICROS: i64 = 10_000;
    let accounts = ledger_balances(db).await.map_err(failed)?;
    let mut accounts = accounts.into_iter();
    let account = accounts.find(|account| account.provider == TELEGRAM);
    let first = i64::from(simulator::FIRST_BALANCE);
    let balance = match account {
        None => first,
        Some(account) if account.is_kept => account.money.amount.0 / MICROS,
        Some(account) => first + account.money.amount.0 / MICROS,
    };
    Ok(i32::try_from(balance.max(0)).unwrap_or(i32::MAX))
}

/// Where the simulator may post reports: the listed hosts, and this gateway itself.
fn callbacks(
    settings: &Settings,
    public_url: &str,
) -> Result<Vec<simulator::Listed>, StartupError> {
    let own = public_url.split_inclusive('/').take(3).collect::<String>();
    let listed = settings.simulator_callbacks.iter().map(String::as_str);
    let listed = listed.chain([own.as_str()]).map(|text| {
        text.parse().map_err(|fault| {
            StartupError::Configuration(format!("simulator_callbacks: `{text}` {fault}"))
        })
    });
    listed.collect()
}

/// Where a browser finds the virtual phones. A simulator that listens on every interface is reached by the host of the public URL,
/// if that is an address, else on this machine: the page refuses other names.
fn page(simulator: SocketAddr, public_url: &str) -> String {
    if !simulator.ip().is_unspecified() {
        return format!("http://{simulator}/");
    }
    let after_scheme = public_url.split("://").nth(1).unwrap_or_default();
    let authority = after_scheme.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let host = if is_address { host } else { "localhost" };
    format!("http://{host}:{}/", simulator.port())
}

/// Anyone with access to the sandbox's machine may have its keys, so neither they nor what they made may work on the live
/// service.
pub(super) async fn revoke(db: &Db, vault: &Vault, clock: &Clock) -> Result<(), StartupError> {
    let (printed, page) = (vault.sandbox_api_key(), vault.sandbox_page_key());
    let secrets = [printed.as_str(), page.as_str()];
    let revoked = db.revoke_with_descendants(secrets, SANDBOX_OWNER, clock.now());
    revoked.await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_linked_by_a_host_that_it_accepts() {
        for (simulator, public_url, expected) in [
            (
                "127.0.0.1:8081",
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8081/",
            ),
            ("[::1]:8081", "http://127.0.0.1:8080", "http://[::1]:8081/"),
            (
                "0.0.0.0:8081",
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8081/",
            ),
            (
                "0.0.0.0:8081",
                "http://192.0.2.7:8080/base",
                "http://192.0.2.7:8081/",
            ),
            (
                "0.0.0.0:8081",
                "https://[2001:db8::7]",
                "http://[2001:db8::7]:8081/",
            ),
            ("[::]:81", "https://demo.example", "http://localhost:81/"),
        ] {
            assert_eq!(page(simulator.parse().unwrap(), public_url), expected);
        }
    }
}
