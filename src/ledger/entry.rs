//! An entry of the append-only ledger. A correction is a new entry.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::money::Money;
use crate::verification::Verification;
use crate::verification::cost::{Booking, BookingKind};
use crate::verification::phone::Country;
use crate::verification::route::Channel;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Derived from the cause, so that one cause cannot be booked twice.
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub kind: Kind,
    /// `reported`, `documented`, `estimated` or `manual`.
    pub basis: String,
    /// Negative for a charge, positive for a refund.
    pub money: Money,
    pub provider: String,
    /// The attempt's channel.
    pub channel: Option<Channel>,
    /// The country of the attempt's number.
    pub country: Option<Country>,
    pub project: Option<Uuid>,
    pub verification: Option<Uuid>,
    pub attempt: Option<Uuid>,
    pub author: Option<String>,
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Charge,
    Refund,
    TopUp,
    Adjustment,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Charge, Self::Refund, Self::TopUp, Self::Adjustment];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::TopUp => "top_up",
            Self::Adjustment => "adjustment",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Booked by a person for an account as a whole; all other kinds belong to an attempt.
    #[must_use]
    pub fn is_by_hand(self) -> bool {
        matches!(self, Self::TopUp | Self::Adjustment)
    }
}

impl Entry {
    /// The entry for a booking of a verification.
    #[must_use]
    pub fn of(verification: &Verification, booking: &Booking) -> Self {
        Self {
            id: booking.attempt.entry(booking.ordinal),
            at: booking.at,
            kind: match booking.kind {
                BookingKind::Charge => Kind::Charge,
                BookingKind::Refund => Kind::Refund,
            },
            basis: booking.basis.as_str().to_owned(),
            money: booking.money,
            provider: booking.provider.clone(),
            channel: Some(booking.channel),
            country: Some(verification.record.country),
            project: Some(verification.project.0),
            verification: Some(verification.id.uuid()),
            attempt: Some(booking.attempt.uuid()),
            author: None,
            note: None,
        }
    }
}
