//! What goes of a verification when it has passed its age, or when a person asks for it. What remains (id, country, attempts, costs, times) is
//! what the accounts need, so that late reports and refunds are booked as before.

use super::Record;

/// What goes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The number, the code, and what the site gave, in which it may name its user: payload, tags, values of limits, the text of the
    /// message, the address for reports, its trace.
    Number,
    /// The visitor: address, user agent, language.
    Client,
}

impl Part {
    pub const ALL: [Self; 2] = [Self::Number, Self::Client];

    /// As in `[retention]`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Client => "client",
        }
    }
}

impl Record {
    /// Removes a part, of a verification that is over. The number and the code are not in the record. Returns whether there was anything.
    pub fn forget(&mut self, part: Part) -> bool {
        match part {
            Part::Number => self.forget_number(),
            Part::Client => self.forget_client(),
        }
    }

    fn forget_number(&mut self) -> bool {
        let mut had = self.payload.take().is_some();
        had |= !std::mem::take(&mut self.limit_keys).is_empty();
        // A host's own text may greet its user, or have the number in it.
        had |= self.wording.template.take().is_some();
        had |= self.trace.take().is_some();
        if let Some(asked) = &mut self.asked {
            had |= !std::mem::take(&mut asked.tags).is_empty();
            // The hash has the number in it; the address is the site's, which may name its user there.
            had |= asked.request.take().is_some();
            had |= asked.report_to.take().is_some();
        }
        had
    }

    fn forget_client(&mut self) -> bool {
        let mut had = self.wording.locale.take().is_some();
        if let Some(origin) = &mut self.origin {
            had |= !std::mem::take(&mut origin.requester).is_unknown();
        }
        had
    }
}
