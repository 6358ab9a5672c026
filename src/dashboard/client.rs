//! Where a browser's request comes from.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;

use super::Options;
use crate::abuse::client;

/// Behind trusted proxies, what they say.
pub fn address(request: &HttpRequest, options: &Options) -> IpAddr {
    let connection = request.peer_addr().map(|address| address.ip());
    let lines: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|line| line.to_str().ok())
        .collect();
    client::address(
        connection.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        lines.into_iter(),
        &options.trusted_proxies,
    )
}
