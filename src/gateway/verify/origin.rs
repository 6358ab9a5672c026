//! Who asks for a verification, and where it goes: what of it is stored.

use std::borrow::Cow;

use super::request::{StartRequest, Visitor};
use super::room::Verify;
use crate::abuse::lists::{Asking, List};
use crate::abuse::network::networks;
use crate::storage::WITH_NETWORK;
use crate::verification::Verification;
use crate::verification::asked::Face;
use crate::verification::origin::{Origin, Requester, TraceHash};
use crate::verification::phone::{LineType, PhoneNumber};

impl Verify {
    pub(super) fn origin(&self, request: &StartRequest) -> Origin {
        let (core, now) = (self.core(), self.core().now());
        let trace = |kind, value: &str| TraceHash(core.trace.hash(kind, value));
        let Visitor { ip, user_agent } = &request.visitor;
        let networks = ip.map(networks).unwrap_or_default();
        let known = ip.map(|ip| core.settings.ip_database.look(ip));
        let known = known.unwrap_or_default();
        let asking = Asking::Now {
            ip: *ip,
            asn: known.asn,
        };
        let lists = core.directory.lists();
        let listed = lists.requester(request.project, asking, now);
        // A replica that is older could not read them.
        let is_new = core.all_read(WITH_NETWORK);
        Origin {
            prefix: self.prefix(request.to.phone.digits()),
            line: request.to.line,
            requester: Requester {
                ip: ip.map(|ip| trace("ip", &ip.to_canonical().to_string())),
                networks: networks.iter().map(|net| trace("network", net)).collect(),
                user_agent: user_agent
                    .as_deref()
                    .map(|agent| trace("user agent", agent)),
                asn: known.asn.filter(|_| is_new),
                country: known.country.filter(|_| is_new),
                is_allowed: is_new && listed == Some(List::Allow),
                locale: request.wording.locale.clone(),
            },
        }
    }

    /// That of a verification; of an old one what its number says.
    pub(super) fn origin_of<'a>(&self, v: &'a Verification) -> Cow<'a, Origin> {
        match &v.record.origin {
            Some(origin) => Cow::Borrowed(origin),
            None => Cow::Owned(Origin {
                prefix: self.prefix(v.phone.as_ref().map_or("", PhoneNumber::digits)),
                line: LineType::Other,
                requester: Requester::default(),
            }),
        }
    }

    /// The range of a number, without its last four digits.
    pub(super) fn prefix(&self, digits: &str) -> TraceHash {
        let range = &digits[..digits.len().saturating_sub(4)];
        TraceHash(self.core().trace.hash("prefix", range))
    }

    /// Who made its code, and may check it without a word; `None`: this server.
    pub(super) fn host_of(&self, v: &Verification) -> Option<TraceHash> {
        v.record.is_outside_code.then(|| self.host(v.face()))
    }

    /// Each integration is a host of its own; so are a project's calls in each API.
    pub(super) fn host(&self, face: Face) -> TraceHash {
        TraceHash(self.core().trace.hash("host", &face.origin()))
    }
}
