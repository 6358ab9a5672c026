//! Where delivery reports may be posted. The simulator needs no key, so it must not become a way to reach other hosts: it
//! posts to this machine, and to the hosts that its operator lists.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// The longest callback URL, in bytes.
const LONGEST: usize = 256;

/// A host or an origin that the operator lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    scheme: String,
    /// As [`Url`] writes it: lower case, punycode, addresses in their usual form.
    host: String,
    /// `None` permits every port.
    port: Option<u16>,
}

/// Why a text is not a [`Listed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnOrigin;

impl fmt::Display for NotAnOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "is neither a host (`hooks.example`: https on any port) nor an origin (`https://hooks.example:8443`)",
        )
    }
}

impl std::error::Error for NotAnOrigin {}

impl FromStr for Listed {
    type Err = NotAnOrigin;

    /// `https://host:port`, `http://host:port`, or a host, which permits https on every port.
    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let has_scheme = text.contains("://");
        let url = if has_scheme {
            Url::parse(text)
        } else {
            Url::parse(&format!("https://{text}"))
        };
        let url = url.map_err(|_| NotAnOrigin)?;
        let has_more = url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || text.contains(['@', '\\', '*'])
            || text.chars().any(char::is_whitespace);
        let host = url.host_str().filter(|host| !host.is_empty());
        match (url.scheme(), host) {
            ("http" | "https", Some(host)) if !has_more => Ok(Self {
                scheme: url.scheme().to_owned(),
                host: host.to_owned(),
                port: if has_scheme {
                    url.port_or_known_default()
                } else {
                    url.port()
                },
            }),
            _ => Err(NotAnOrigin),
        }
    }
}

impl Listed {
    fn permits(&self, url: &Url) -> bool {
        url.scheme() == self.scheme
            && url.host_str() == Some(self.host.as_str())
            && (self.port.is_none() || url.port_or_known_default() == self.port)
    }
}

/// Why a callback URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Not an http(s) URL of at most 256 bytes.
    Malformed,
    /// Neither this machine nor listed.
    Elsewhere,
}

/// Parses a callback URL and decides whether reports may go there. The client connects to the same parsed URL, so `localhost`,
/// an address in another notation and a user name in front of the host are understood in one way only.
pub(super) fn read(text: &str, listed: &[Listed]) -> Result<Url, Refused> {
    if text.len() > LONGEST {
        return Err(Refused::Malformed);
    }
    let url = Url::parse(text).map_err(|_| Refused::Malformed)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refused::Malformed);
    }
    if is_loopback(&url) || listed.iter().any(|one| one.permits(&url)) {
        return Ok(url);
    }
    tracing::warn!(
        origin = url.origin().ascii_serialization(),
        "refused a callback URL: it is neither on this machine nor listed (simulator_callbacks, or --callbacks)"
    );
    Err(Refused::Elsewhere)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_matches(['[', ']']);
    host == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(texts: &[&str]) -> Vec<Listed> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn without_a_list_only_this_machine_is_called() {
        for good in [
            "http://127.0.0.1:8080/callbacks/telegram",
            "https://127.0.0.1/x",
            "http://127.9.9.9/x",
            "http://localhost:1/",
            "http://LOCALHOST/",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://user:secret@127.0.0.1/",
        ] {
            assert!(read(good, &[]).is_ok(), "{good}");
        }
        for elsewhere in [
            "https://shop.example/hook",
            "http://shop.example/hook",
            "http://localhost@shop.example/",
            "http://127.0.0.1@shop.example/",
            "http://127.0.0.1:80@shop.example/",
            "http://127.0.0.1%2f@shop.example/",
            "http://shop.example#@127.0.0.1/",
            "http://shop.example?@127.0.0.1/",
            "http://shop.example\\@127.0.0.1/",
            "http://127.0.0.1.shop.example/",
            "http://localhost.shop.example/",
            "http://localhost./",
            "http://x.localhost/",
            "http://0.0.0.0/",
            "http://[::]/",
            "http://169.254.169.254/",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://0251.0376.0251.0376/",
            "http://[::ffff:10.0.0.1]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[fe80::1]/",
            "http://10.0.0.1/",
        ] {
            assert_eq!(read(elsewhere, &[]), Err(Refused::Elsewhere), "{elsewhere}");
        }
        for malformed in [
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "http://",
            "nonsense",
            "",
        ] {
            assert_eq!(read(malformed, &[]), Err(Refused::Malformed), "{malformed}");
        }
        let long = format!("http://127.0.0.1/{}", "x".repeat(250));
        assert_eq!(read(&long, &[]), Err(Refused::Malformed));
    }

    #[test]
    fn a_listed_origin_is_called_at_its_scheme_host_and_port_only() {
        let list = listed(&[
            "https://Hooks.example",
            "http://gateway:8080",
            "wide.example",
        ]);
        for good in [
            "https://hooks.example/a?b=c",
            "https://hooks.example:443/",
            "https://user:secret@hooks.example/",
            "http://gateway:8080/callbacks/sms/x",
            "https://wide.example/",
            "https://wide.example:8443/",
            "http://127.0.0.1:1/",
        ] {
            assert!(read(good, &list).is_ok(), "{good}");
        }
        for bad in [
            "http://hooks.example/",
            "https://hooks.example:8443/",
            "https://hooks.example.evil.example/",
            "https://evil.example/hooks.example",
            "https://hooks.example@evil.example/",
            "https://x.hooks.example/",
            "http://gateway/",
            "https://gateway:8080/",
            "http://wide.example/",
        ] {
            assert_eq!(read(bad, &list), Err(Refused::Elsewhere), "{bad}");
        }
    }

    #[test]
    fn only_hosts_and_origins_can_be_listed() {
        for bad in [
            "",
            "https://",
            "ftp://hooks.example",
            "https://hooks.example/path",
            "https://hooks.example?x",
            "https://hooks.example#x",
            "https://user@hooks.example",
            "user@hooks.example",
            "hooks.example/path",
            "hooks.example:x",
            "https://hooks example",
            "*",
            "https://*.example",
        ] {
            assert_eq!(bad.parse::<Listed>(), Err(NotAnOrigin), "{bad}");
        }
    }
}
