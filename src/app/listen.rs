//! The addresses that the program listens on, and the URLs at which it is reached there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use super::StartupError;
use crate::config::Settings;

/// Listens on the address of a key; a fault names the key and its variable.
pub(super) fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, StartupError> {
    let fault = |error: std::io::Error| {
        let variable = format!("PINROUTE_{}", key.to_uppercase());
        let mend = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program uses this address; stop it, or choose another port with"
            }
            _ => "choose another address with",
        };
        StartupError::Failed(format!("{key}: {address}: {error}; {mend} {variable}"))
    };
    let listener = TcpListener::bind(address).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    Ok(listener)
}

/// The public URL. The built-in default contains the default port, so with another port the actual address replaces it;
/// otherwise callbacks would go astray.
#[must_use]
pub fn public_url(settings: &Settings, address: SocketAddr) -> String {
    const DEFAULT: &str = "http://127.0.0.1:8080";
    let here = on_this_machine(address);
    if settings.public_url == DEFAULT && here.ip().is_loopback() {
        return format!("http://{here}");
    }
    settings.public_url.clone()
}

/// An address that this machine can open: `0.0.0.0` and `::` can only be listened on.
#[must_use]
pub fn on_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_can_only_be_listened_on_becomes_one_that_can_be_opened() {
        for (listens, opens) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:8080", "192.0.2.7:8080"),
            ("127.0.0.1:1", "127.0.0.1:1"),
        ] {
            let address = on_this_machine(listens.parse().unwrap());
            assert_eq!(address.to_string(), opens);
        }
    }

    #[test]
    fn a_busy_port_names_the_key_and_its_variable() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        for (key, variable) in [
            ("listen", "PINROUTE_LISTEN"),
            ("simulator_listen", "PINROUTE_SIMULATOR_LISTEN"),
            ("metrics_listen", "PINROUTE_METRICS_LISTEN"),
        ] {
            let said = bind(key, taken.local_addr().unwrap())
                .unwrap_err()
                .to_string();
            assert!(
                said.starts_with(&format!("{key}: ")) && said.ends_with(variable),
                "{said}"
            );
        }
    }
}
