//! Closing a listener without losing a connection.
//!
//! A connection is the client's as soon as the kernel has answered it, before we take it. Those that wait for us when the listener
//! is closed are reset, and a proxy may not repeat what it has sent on one. So the kernel first ignores further ones, while we take
//! those that are there. A client that is ignored tries again after about a second, and is then refused or goes elsewhere.

use std::net::TcpListener;

/// A second handle on a listener.
#[derive(Debug)]
pub(super) struct Door(TcpListener);

impl Door {
    pub fn of(listener: &TcpListener) -> std::io::Result<Self> {
        listener.try_clone().map(Self)
    }

    /// From now on nobody comes in. The listener must be closed soon after, and this handle dropped before.
    #[cfg(target_os = "linux")]
    pub fn shut(&self) {
        use socket2::{SockFilter, SockRef};
        // A classic BPF program on the TCP header, by linux/filter.h: drops what asks for a connection (SYN without ACK).
        const LOAD_BYTE: u16 = 0x30;
        const AND: u16 = 0x54;
        const JUMP_IF_EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        const FLAGS: u32 = 13;
        const SYN: u32 = 0x02;
        const ACK: u32 = 0x10;
        let program = [
            SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
            SockFilter::new(AND, 0, 0, SYN | ACK),
            SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
            SockFilter::new(RETURN, 0, 0, 0),
            SockFilter::new(RETURN, 0, 0, u32::MAX),
        ];
        if let Err(error) = SockRef::from(&self.0).attach_filter(&program) {
            tracing::warn!(%error, "connections that arrive while the listener is closed may be reset");
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn shut(&self) {
        let _ = &self.0;
    }
}
