//! Host names under which the page may be requested. Another site can point its own name at this machine (DNS
//! rebinding) and then counts as the same origin, but the `Host` header still carries that name.
//!
//! The provider APIs, `/phones` and `/livez` accept any name, since programs may reach this machine under any.

use std::net::IpAddr;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::site::refuse;
use super::world::World;

/// Refuses requests under any other name with 403.
pub(super) async fn check<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let listen = request.app_data::<Data<World>>().map(|world| world.listen);
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    if listen.is_some_and(|listen| is_ours(host, listen)) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let detail =
        "the page is available only as localhost, a loopback address or the address it listens on";
    let refused = refuse(StatusCode::FORBIDDEN, detail);
    Ok(request.into_response(refused).map_into_right_body())
}

/// Accepts `localhost`, a loopback address and the listening address; when listening on all interfaces, any IP address.
fn is_ours(host: &str, listen: IpAddr) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let Ok(address) = bare.unwrap_or(name).parse::<IpAddr>() else {
        return false;
    };
    address.is_loopback() || listen.is_unspecified() || address == listen
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
}
