//! Where a request comes from, also behind proxies.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_web::HttpRequest;
use ipnet::IpNet;

/// Proxies whose `X-Forwarded-For` is believed, as the server tells its handlers.
#[derive(Clone, Debug)]
pub(super) struct Proxies(pub Arc<[IpNet]>);

/// The address of a caller. Behind trusted proxies, the one that they report.
#[must_use]
pub fn address(request: &HttpRequest) -> IpAddr {
    let trusted = request.app_data::<Proxies>();
    let connection = request.peer_addr().map(|address| address.ip());
    let lines: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|line| line.to_str().ok())
        .collect();
    forwarded(
        connection.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        lines.into_iter(),
        trusted.map_or(&[], |proxies| &*proxies.0),
    )
}

/// The connection's address, or, if that is a trusted proxy's, the one that it names in `X-Forwarded-For`, and so on while the
/// address is a trusted proxy's. Anything left of an untrusted address was written by its owner. `lines`: the header's, in order.
fn forwarded<'a>(
    connection: IpAddr,
    lines: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let mut address = connection.to_canonical();
    for hop in lines.rev().flat_map(|line| line.rsplit(',')) {
        if !trusted.iter().any(|net| net.contains(&address)) {
            break;
        }
        match read(hop.trim()) {
            Some(before) => address = before,
            None => break,
        }
    }
    address
}

/// An address as programs and proxies write it: with a port, a zone, brackets, quotes, or as the first of a list.
#[must_use]
pub fn read(text: &str) -> Option<IpAddr> {
    let first = text.split(',').next().unwrap_or_default();
    let is_around = |c: char| c.is_whitespace() || c == '"';
    let hop = first.trim_matches(is_around);
    let bracketed = || {
        let (address, rest) = hop.strip_prefix('[')?.split_once(']')?;
        let port = rest.strip_prefix(':');
        let is_port = rest.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_ok());
        is_port.then(|| alone(address)).flatten()
    };
    let with_port = || {
        let (address, port) = hop.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        address.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    };
    let found = alone(hop).or_else(bracketed).or_else(with_port)?;
    Some(found.to_canonical())
}

/// An address that may name its zone.
fn alone(text: &str) -> Option<IpAddr> {
    let (address, zone) = text.split_once('%').unwrap_or((text, ""));
    let address: IpAddr = address.parse().ok()?;
    (zone.is_empty() || address.is_ipv6()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(connection: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "127.0.0.1/32"].map(|net| net.parse().unwrap());
        let connection = connection.parse().unwrap();
        forwarded(connection, lines.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let given = ["1.1.1.1, 203.0.113.7", "10.0.0.3"];
        assert_eq!(from("198.51.100.1", &given), "198.51.100.1");
        assert_eq!(from("127.0.0.1", &given), "203.0.113.7");
        assert_eq!(from("::ffff:127.0.0.1", &given), "203.0.113.7");
        assert_eq!(from("10.9.9.9", &["203.0.113.7:4711"]), "203.0.113.7");
        assert_eq!(from("10.9.9.9", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(from("10.9.9.9", &["[2001:db8::1]"]), "2001:db8::1");
    }

    #[test]
    fn addresses_are_read_as_programs_write_them() {
        for (text, address) in [
            ("203.0.113.7", "203.0.113.7"),
            (" 203.0.113.7:51008\n", "203.0.113.7"),
            ("203.0.113.7, 10.0.0.1", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]\"", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(
                read(text).map(|ip| ip.to_string()).as_deref(),
                Some(address),
                "{text}"
            );
        }
        for text in [
            "",
            "unknown",
            "203.0.113",
            "203.0.113.7:port",
            "203.0.113.7:99999",
            "[203.0.113.7",
            "1.2.3.4%eth0",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_way_back() {
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &["203.0.113.7, unknown"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &["10.0.0.1"]), "10.0.0.1");
    }
}
