//! The quantities that reports sum. To add one: a variant at the end, its column in the migrations, and where it is counted
//! ([`tally`](super::tally)).

/// The quantities that are summed. Verifications count in the row of their last attempt, at the time of their creation;
/// attempts in their own row, at theirs; money in its attempt's row, at the time of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    Verifications,
    /// Verifications with at least one sent attempt. The next stages likewise count each verification once.
    VerificationsSent,
    VerificationsDelivered,
    VerificationsRead,
    VerificationsApproved,
    Attempts,
    AttemptsSent,
    AttemptsDelivered,
    AttemptsRead,
    /// The last attempts of approved verifications.
    AttemptsApproved,
    /// Micro-units, positive.
    Charged,
    Refunded,
    /// Refunds that are documented but not reported.
    Expected,
    /// Price of the requested sends if they had gone by SMS.
    SmsEquivalent,
    /// Top-ups and adjustments.
    Other,
    /// Verifications whose code the host made and may have arrived, and of which nothing was checked here and no success was told: whether
    /// the code was entered is not known.
    VerificationsUnchecked,
    /// The last attempts of these.
    AttemptsUnchecked,
}

impl Measure {
    pub const ALL: [Self; 17] = [
        Self::Verifications,
        Self::VerificationsSent,
        Self::VerificationsDelivered,
        Self::VerificationsRead,
        Self::VerificationsApproved,
        Self::Attempts,
        Self::AttemptsSent,
        Self::AttemptsDelivered,
        Self::AttemptsRead,
        Self::AttemptsApproved,
        Self::Charged,
        Self::Refunded,
        Self::Expected,
        Self::SmsEquivalent,
        Self::Other,
        Self::VerificationsUnchecked,
        Self::AttemptsUnchecked,
    ];

    /// The stages whose durations are kept.
    pub const TIMED: [Self; 8] = [
        Self::VerificationsSent,
        Self::VerificationsDelivered,
        Self::VerificationsRead,
        Self::VerificationsApproved,
        Self::AttemptsSent,
        Self::AttemptsDelivered,
        Self::AttemptsRead,
        Self::AttemptsApproved,
    ];

    /// The column that holds its sum.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::Verifications => "verifications",
            Self::VerificationsSent => "verifications_sent",
            Self::VerificationsDelivered => "verifications_delivered",
            Self::VerificationsRead => "verifications_read",
            Self::VerificationsApproved => "verifications_approved",
            Self::Attempts => "attempts",
            Self::AttemptsSent => "attempts_sent",
            Self::AttemptsDelivered => "attempts_delivered",
            Self::AttemptsRead => "attempts_read",
            Self::AttemptsApproved => "attempts_approved",
            Self::Charged => "charged",
            Self::Refunded => "refunded",
            Self::Expected => "expected",
            Self::SmsEquivalent => "sms_equivalent",
            Self::Other => "other",
            Self::VerificationsUnchecked => "verifications_unchecked",
            Self::AttemptsUnchecked => "attempts_unchecked",
        }
    }

    /// Identifies the measure in stored rows that wait to be summed; never reuse a number.
    #[must_use]
    pub fn number(self) -> i64 {
        self as i64
    }
}
