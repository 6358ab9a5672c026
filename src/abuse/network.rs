//! Networks of clients, as limits count them and as lists name them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

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

/// What limits per client count an address as, with the multiple of the limit that each gets: the subscriber, and of IPv6
/// also the /48, since one who is assigned it has 65,536 subscribers' worth.
#[must_use]
pub fn clients(address: IpAddr) -> Vec<(String, u32)> {
    let mut clients = vec![(subscriber(address), 1)];
    if let [_, site] = networks(address).as_slice() {
        clients.push((site.clone(), 4));
    }
    clients
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

/// Reads a network (CIDR), or an address, which is one of its own. IPv4 that is written as IPv6 is meant as IPv4.
pub fn read(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    let net = text.parse::<IpNet>().or_else(|_| address());
    let net = net.ok().map(|net| match net {
        IpNet::V6(net) => {
            let bits = net.prefix_len().checked_sub(96);
            let mapped = net.addr().to_ipv4_mapped().zip(bits);
            let mapped = mapped.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok());
            mapped.map_or(IpNet::V6(net), IpNet::V4)
        }
        IpNet::V4(_) => net,
    });
    let some = net
        .filter(|net| net.prefix_len() > 0)
        .map(|net| net.trunc());
    some.ok_or_else(|| {
        "must be an address or a network, such as 203.0.113.7 or 2001:db8::/32".to_owned()
    })
}

/// As [`read`] reads it; an address without its length.
#[must_use]
pub fn written(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_read_with_its_bits_and_holds_what_begins_like_it() {
        for (text, expected, inside, outside) in [
            ("203.0.113.7", "203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("10.1.2.3/8", "10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            (
                "2001:db8::/32",
                "2001:db8::/32",
                "2001:db8:1::1",
                "2001:db9::1",
            ),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8", "10.1.2.3", "::1"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ] {
            let net = read(text).unwrap();
            assert_eq!(written(net), expected);
            assert_eq!(read(expected), Ok(net));
            let holds = |address: &str| net.contains(&address.parse::<IpAddr>().unwrap());
            assert!(holds(inside) && !holds(outside), "{text}");
        }
        for wrong in [
            "",
            "10.0.0.0/0",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0",
            "::/0",
            "::/129",
            "1/8",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

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
    fn a_site_of_ipv6_gets_four_times_what_one_of_its_subscribers_gets() {
        let of = |text: &str| clients(text.parse().unwrap());
        assert_eq!(of("203.0.113.7"), [("203.0.113.7".to_owned(), 1)]);
        let site = |net: &str, times| (net.to_owned(), times);
        assert_eq!(
            of("2001:db8:1:2::7"),
            [site("2001:db8:1:2::/64", 1), site("2001:db8:1::/48", 4)]
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
