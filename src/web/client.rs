//! Where a request comes from, also behind proxies.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use ipnet::IpNet;

use super::Site;

/// The address of a browser. Behind trusted proxies, the one that they report.
#[must_use]
pub fn address(request: &HttpRequest, site: &Site) -> IpAddr {
    let connection = request.peer_addr().map(|address| address.ip());
    let lines: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|line| line.to_str().ok())
        .collect();
    forwarded(
        connection.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        lines.into_iter(),
        &site.trusted_proxies,
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

/// Some proxies add the port.
fn read(hop: &str) -> Option<IpAddr> {
    let alone = hop.parse().ok();
    let with_port = || {
        hop.parse()
            .ok()
            .map(|address: std::net::SocketAddr| address.ip())
    };
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    alone
        .or_else(with_port)
        .or_else(bracketed)
        .map(|address| address.to_canonical())
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
    fn what_cannot_be_read_ends_the_way_back() {
        assert_eq!(from("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &["203.0.113.7, unknown"]), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &["10.0.0.1"]), "10.0.0.1");
    }
}
