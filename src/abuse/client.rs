//! The client's address of a request that may have passed through proxies.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// The client's address. It starts with the connection's; as long as the address is a trusted proxy's, it is replaced
/// by the next entry of `X-Forwarded-For`, from right to left. Entries left of an untrusted address are ignored,
/// because its owner can write anything there. `forwarded`: the header's lines, in order.
#[must_use]
pub fn address<'a>(
    connection: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let mut address = connection.to_canonical();
    for hop in forwarded.rev().flat_map(|line| line.rsplit(',')) {
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

/// Parses an entry of the header; some proxies add the port.
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

/// Names the subscriber of an address: the IPv4 address, or the /64 network of an IPv6 address, within which a
/// subscriber can use any address (RFC 6177).
#[must_use]
pub fn subscriber(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let net = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64));
            format!("{net}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(connection: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "127.0.0.1/32"].map(|net| net.parse().unwrap());
        let connection = connection.parse().unwrap();
        address(connection, forwarded.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let told = ["1.1.1.1, 203.0.113.7", "10.0.0.3"];
        assert_eq!(from("198.51.100.1", &told), "198.51.100.1");
        assert_eq!(from("127.0.0.1", &told), "203.0.113.7");
        assert_eq!(from("::ffff:127.0.0.1", &told), "203.0.113.7");
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

    #[test]
    fn a_subscriber_of_ipv6_has_one_name_for_all_addresses() {
        let name = |text: &str| subscriber(text.parse().unwrap());
        assert_eq!(name("2001:db8:1:2::7"), name("2001:db8:1:2:ffff::1"));
        assert_ne!(name("2001:db8:1:2::7"), name("2001:db8:1:3::7"));
        assert_eq!(name("::ffff:203.0.113.7"), name("203.0.113.7"));
    }
}
