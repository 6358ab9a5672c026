//! Networks of clients, as limits count them.

use std::net::{IpAddr, Ipv6Addr};

/// The network of one subscriber: an IPv4 address, or the first 64 bits of an IPv6 one, below which a subscriber can use any
/// address (RFC 6177).
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

    #[test]
    fn a_subscriber_of_ipv6_has_one_name_for_all_addresses() {
        let name = |text: &str| subscriber(text.parse().unwrap());
        assert_eq!(name("2001:db8:1:2::7"), name("2001:db8:1:2:ffff::1"));
        assert_ne!(name("2001:db8:1:2::7"), name("2001:db8:1:3::7"));
        assert_eq!(name("::ffff:203.0.113.7"), name("203.0.113.7"));
    }
}
