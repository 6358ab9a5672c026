//! Manual bookings and their reversal.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::room::Finance;
use crate::audit::By;
use crate::gateway::error::Error;
use crate::gateway::shared::{Replay, Ticket};
use crate::ledger::entry::{Entry, Kind};
use crate::money::{Currency, Micros, Money};
use crate::secret::random;
use crate::verification::cost::Basis;
use crate::verification::id::{reversal_of, time_ordered};

/// A booking made by a person.
#[derive(Clone, Debug)]
pub struct NewEntry {
    pub provider: String,
    pub kind: Kind,
    pub money: Money,
    pub note: Option<String>,
    pub author: String,
    pub at: Option<DateTime<Utc>>,
}

/// Why a booking is rejected.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    #[error("`{0}` is not a provider")]
    NoProvider(String),
    #[error("the account is in {0}")]
    WrongCurrency(Currency),
    #[error("the date is in the future")]
    Future,
    #[error("the date is before 1970")]
    TooOld,
    /// The resulting balance would exceed `MOST`.
    #[error("the balance would exceed a million million")]
    TooMuch,
    #[error("the entry was reversed before")]
    Reversed,
    #[error(transparent)]
    Failed(#[from] Error),
}

/// The largest balance in micro-units: a ninth of the `i64` range, because concurrent bookings do not see each other.
const MOST: i64 = 1_000_000_000_000 * 1_000_000;

impl Finance {
    /// Books a top-up or an adjustment.
    pub async fn book(
        &self,
        new: NewEntry,
        by: &By,
        ticket: Option<Ticket>,
    ) -> Result<Entry, BookError> {
        let id = time_ordered(self.core().now(), random());
        self.book_as(id, new, (by, None), ticket).await
    }

    /// `of`: the entry that it reverses.
    async fn book_as(
        &self,
        id: Uuid,
        new: NewEntry,
        (by, of): (&By, Option<&Entry>),
        ticket: Option<Ticket>,
    ) -> Result<Entry, BookError> {
        let accounts = self.balances().await?;
        let mut of_provider = accounts
            .iter()
            .filter(|account| account.provider == new.provider);
        let Some(first) = of_provider.clone().next() else {
            return Err(BookError::NoProvider(new.provider));
        };
        let Some(account) = of_provider.find(|account| account.currency == new.money.currency)
        else {
            return Err(BookError::WrongCurrency(first.currency));
        };
        let now = self.core().now();
        let at = new.at.unwrap_or(now);
        if at > now {
            return Err(BookError::Future);
        }
        if at.timestamp() < 0 {
            return Err(BookError::TooOld);
        }
        let before = account.computed.0;
        let after = before.checked_add(new.money.amount.0);
        if after.is_none_or(|after| after.abs() > MOST && after.abs() > before.abs()) {
            return Err(BookError::TooMuch);
        }
        let entry = Entry {
            id,
            at,
            kind: new.kind,
            basis: Basis::Manual.as_str().to_owned(),
            money: new.money,
            provider: new.provider,
            channel: None,
            country: None,
            project: None,
            verification: None,
            attempt: None,
            author: Some(new.author),
            note: new.note,
        };
        let completion = self
            .core()
            .idempotency
            .completion(ticket.as_ref(), &Replay::Entry { id: entry.id });
        let (db, act) = (&self.core().db, self.core().act(by));
        let act = act.answering(completion);
        let booked = match of {
            Some(of) => db.book_reversal(of, entry.clone(), &act).await,
            None => db.book(entry.clone(), &act).await,
        };
        booked.map_err(Error::from)?;
        Ok(entry)
    }

    /// Books the opposite of a manual entry, once.
    pub async fn reverse(
        &self,
        entry: &Entry,
        (author, note): (String, String),
        by: &By,
        ticket: Option<Ticket>,
    ) -> Result<Entry, BookError> {
        if !entry.kind.is_by_hand() {
            return Err(Error::NotFound.into());
        }
        if !self.reversed(std::slice::from_ref(entry)).await?.is_empty() {
            return Err(BookError::Reversed);
        }
        let opposite = Micros(-entry.money.amount.0);
        let new = NewEntry {
            provider: entry.provider.clone(),
            kind: Kind::Adjustment,
            money: Money::new(opposite, entry.money.currency),
            note: Some(note),
            author,
            at: None,
        };
        let by = (by, Some(entry));
        self.book_as(reversal_of(entry.id), new, by, ticket).await
    }

    /// The ids of those of these entries that have been reversed.
    pub async fn reversed(&self, entries: &[Entry]) -> Result<Vec<Uuid>, Error> {
        let by_hand = entries.iter().filter(|entry| entry.kind.is_by_hand());
        let mut ids: Vec<Uuid> = by_hand.map(|entry| entry.id).collect();
        let reversals: Vec<Uuid> = ids.iter().copied().map(reversal_of).collect();
        let found = self.core().db.existing_entries(&reversals).await?;
        ids.retain(|id| found.contains(&reversal_of(*id)));
        Ok(ids)
    }
}
