//! Networks of clients, as limits count them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// The networks that an address belongs to, from the narrowest: the /24 of IPv4; the /64 and the /48 of IPv6, which is what one
/// site is commonly assigned (RFC 6177).
#[must_use]
pub fn networks(address: IpAddr) -> Vec<String> {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let net = Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << 8));
            vec![format!("{net}/24")]
        }
        IpAddr::V6(address) => {
            let net = |length: u32| {
                let net = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - length)));
                format!("{net}/{length}")
            };
            vec![net(64), net(48)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_its_networks() {
        let of = |text: &str| networks(text.parse().unwrap());
        assert_eq!(of("203.0.113.7"), ["203.0.113.0/24"]);
        assert_eq!(of("::ffff:203.0.113.7"), ["203.0.113.0/24"]);
        assert_eq!(
            of("2001:db8:1:2::7"),
            ["2001:db8:1:2::/64", "2001:db8:1::/48"]
        );
    }

    #[test]
    fn a_subscriber_of_ipv6_has_one_name_for_all_addresses() {
        let name = |text: &str| subscriber(text.parse().unwrap());
        assert_eq!(name("2001:db8:1:2::7"), name("2001:db8:1:2:ffff::1"));
        assert_ne!(name("2001:db8:1:2::7"), name("2001:db8:1:3::7"));
        assert_eq!(name("::ffff:203.0.113.7"), name("203.0.113.7"));
    }
}
