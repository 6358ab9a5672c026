//! By which names the simulator may be called. A page of another site can point its own name at this machine (DNS rebinding)
//! and then counts as the same origin; the `Host` header still holds that name.
//!
//! The page and what it uses answer to names of this machine alone. Programs reach the wire and `/phones` by the machine's
//! name in their own network; names that a public DNS can serve are refused there too.

use std::net::IpAddr;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::site::refuse;
use super::world::World;

/// Refuses the page under names that are not this machine's, with 403.
pub(super) async fn of_this_machine<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let listen = request.app_data::<Data<World>>().map(|world| world.listen);
    if listen.is_some_and(|listen| is_ours(host(&request), listen)) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let detail =
        "the page is available only as localhost, a loopback address or the address it listens on";
    let refused = refuse(StatusCode::FORBIDDEN, detail);
    Ok(request.into_response(refused).map_into_right_body())
}

/// Refuses any request under a name that a public DNS can serve, with 403.
pub(super) async fn of_this_network<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !is_public(host(&request)) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let detail = "the simulator is not available under a public host name; use its address or a name of your network";
    let refused = refuse(StatusCode::FORBIDDEN, detail);
    Ok(request.into_response(refused).map_into_right_body())
}

fn host(request: &ServiceRequest) -> &str {
    let host = request.headers().get(header::HOST);
    host.and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// `localhost`, a loopback address and the listening address; when listening on all interfaces, any IP address.
fn is_ours(host: &str, listen: IpAddr) -> bool {
    if name(host).eq_ignore_ascii_case("localhost") {
        return true;
    }
    address(host).is_some_and(|address| {
        address.is_loopback() || listen.is_unspecified() || address == listen
    })
}

/// Neither an address, nor a name without a dot, nor below a suffix that is reserved for private use (RFC 6761, RFC 6762,
/// ICANN's `internal`) or used by Kubernetes.
fn is_public(host: &str) -> bool {
    const PRIVATE: [&str; 6] = ["localhost", "local", "internal", "test", "svc", "home.arpa"];
    let name = name(host).trim_end_matches('.').to_ascii_lowercase();
    let is_below = |suffix: &str| {
        let rest = name.strip_suffix(suffix);
        rest.is_some_and(|rest| rest.ends_with('.'))
    };
    address(host).is_none() && name.contains('.') && !PRIVATE.into_iter().any(is_below)
}

/// Without the port.
fn name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn address(host: &str) -> Option<IpAddr> {
    let name = name(host);
    let bare = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(name).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_and_the_listening_address_are_accepted() {
        let [loopback, any, lan]: [IpAddr; 3] =
            ["127.0.0.1", "0.0.0.0", "192.0.2.1"].map(|text| text.parse().unwrap());
        for host in [
            "localhost",
            "LocalHost:8081",
            "127.0.0.1:8081",
            "[::1]",
            "[::1]:1",
            "127.9.9.9",
        ] {
            assert!(is_ours(host, loopback), "{host}");
        }
        for host in [
            "",
            ":8081",
            "a.example",
            "localhost.a.example:1",
            "127.0.0.1.a.example",
            "192.0.2.1",
            "[::1",
            "::x",
        ] {
            assert!(!is_ours(host, loopback), "{host}");
        }
        assert!(is_ours("192.0.2.1:8081", lan) && !is_ours("192.0.2.2", lan));
        assert!(is_ours("192.0.2.2", any) && !is_ours("a.example", any));
    }
    #[test]
    fn names_of_public_dns_are_told_from_those_of_a_network() {
        for host in [
            "attacker.example",
            "attacker.example:8081",
            "localhost.attacker.example.",
            "127.0.0.1.attacker.example",
            "xlocalhost.com",
        ] {
            assert!(is_public(host), "{host}");
        }
        for host in [
            "",
            "simulator:8081",
            "simulator.pinroute.svc:8081",
            "phones.localhost",
            "192.0.2.7:8081",
            "[2001:db8::1]:8081",
        ] {
            assert!(!is_public(host), "{host}");
        }
    }
}
