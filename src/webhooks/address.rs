//! Permitted webhook addresses: public http(s) URLs, never the operator's own network (SSRF protection).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

const LONGEST: usize = 2_048;

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("is not an address such as https://shop.example/hooks")]
    Unreadable,
    #[error("has the scheme `{0}`; only https and http are supported")]
    Scheme(String),
    #[error("must not contain a user or password; the signature identifies the sender")]
    Credentials,
    #[error("must be at most {LONGEST} bytes long")]
    TooLong,
    /// A parser would drop some of them silently.
    #[error("contains a space, a line break or a character that no address has")]
    Unprintable,
    #[error("has the port 0, which nobody can serve")]
    NoPort,
    #[error(
        "leads to the private address {0}; only an operator can allow that, with `webhooks.allow_private = true`"
    )]
    Private(String),
}

/// Checks an address as far as possible without a DNS query.
pub fn read(text: &str, allow_private: bool) -> Result<Url, AddressError> {
    if text.len() > LONGEST {
        return Err(AddressError::TooLong);
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(AddressError::Unprintable);
    }
    let url = Url::parse(text).map_err(|_| AddressError::Unreadable)?;
    if url.port() == Some(0) {
        return Err(AddressError::NoPort);
    }
    if !matches!(url.scheme(), "https" | "http") {
        let scheme = url.scheme().chars().take(20).collect();
        return Err(AddressError::Scheme(scheme));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credentials);
    }
    let host = url.host_str().ok_or(AddressError::Unreadable)?;
    if !allow_private && !may_be_public(host) {
        return Err(AddressError::Private(host.to_owned()));
    }
    Ok(url)
}

/// Host and port of an address.
#[must_use]
pub fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let port = url.port_or_known_default()?;
    Some(format!("{}:{port}", url.host_str()?))
}

/// Whether a URL's host is a public address, or a name that may resolve to one.
fn may_be_public(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return is_public(ip);
    }
    // RFC 6761, section 6.3: always this machine, whatever DNS says.
    let name = host.trim_end_matches('.');
    name != "localhost" && !name.ends_with(".localhost")
}

/// IPv4 blocks outside the public internet: IANA's special-purpose registry (RFC 6890), and multicast.
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Whether an address is on the public internet.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !SPECIAL_V4
            .iter()
            .any(|(net, bits)| u32::from(*net) >> (32 - bits) == u32::from(ip) >> (32 - bits)),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, ..] = ip.segments();
    // An IPv6 address that embeds an IPv4 address leads to that address, so check the embedded one.
    let [.., hi, lo] = ip.segments();
    let v4 = |hi: u16, lo: u16| {
        let [[a, b], [c, d]] = [hi.to_be_bytes(), lo.to_be_bytes()];
        is_public(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
    };
    match (a, b) {
        // Mapped (RFC 4291) and compatible; the rest of ::/96 is unspecified, loopback, or nothing.
        (0, 0) if ip.to_ipv4_mapped().is_some() => v4(hi, lo),
        // NAT64 (RFC 6052).
        (0x64, 0xff9b) if c == 0 => v4(hi, lo),
        // 6to4 (RFC 3056).
        (0x2002, _) => v4(b, c),
        // Teredo, benchmarking and documentation (RFC 4380, 5180, 3849).
        (0x2001, 0 | 2 | 0xdb8) => false,
        // Global unicast is 2000::/3; everything else is local, multicast or unassigned.
        _ => a >> 13 == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_the_house_are_told_from_the_world_in_every_way_to_write_them() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.19.0.1",
            "192.0.0.8",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2002:7f00:1::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "172.15.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2606:4700::1111",
            "2a00:1450::1",
            "2002:101:101::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn an_address_is_refused_with_its_reason() {
        let fault = |text: &str| read(text, false).unwrap_err();
        assert_eq!(fault("shop.example/hooks"), AddressError::Unreadable);
        assert_eq!(fault("https://"), AddressError::Unreadable);
        assert_eq!(
            fault("ftp://shop.example"),
            AddressError::Scheme("ftp".to_owned())
        );
        assert_eq!(fault("https://u:p@shop.example"), AddressError::Credentials);
        assert_eq!(
            fault(&format!("https://shop.example/{}", "a".repeat(2_048))),
            AddressError::TooLong
        );
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.1",
            "0x7f.1",
            "2130706433",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "10.0.0.1",
        ] {
            let url = format!("http://{host}:8080/hooks");
            assert!(matches!(fault(&url), AddressError::Private(_)), "{url}");
            assert!(read(&url, true).is_ok(), "{url}");
        }
        assert!(read("https://shop.example:8443/hooks?a=b", false).is_ok());
    }
}
