//! The accounts' money: top-ups over the history, so that the ledger agrees with the simulator's balance.

use chrono::{DateTime, TimeDelta, Utc};

use super::providers::{PROVIDERS, providers};
use crate::cli::Failure;
use crate::gateway::ledger_balances;
use crate::ledger::entry::{Entry, Kind};
use crate::money::{Currency, Micros, Money};
use crate::secret::random;
use crate::simulator::FIRST_BALANCE;
use crate::storage::{Act, Db};
use crate::verification::cost::Basis;
use crate::verification::id::time_ordered;
use crate::verification::route::Channel;

/// Top-ups are multiples of it, in micro-units.
const ROUND: i64 = 10_000_000;
/// A round of top-ups.
const EVERY_DAYS: u32 = 30;

/// Books what each account needs: an opening balance, and a top-up every thirty days. `spent`: by the new history.
pub async fn fill(
    db: &Db,
    spent: &[i64; PROVIDERS],
    days: u32,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let known = ledger_balances(db).await?;
    for ((provider, channel, _), spent) in providers().into_iter().zip(spent) {
        let is_kept = known
            .iter()
            .any(|account| account.provider == provider && account.is_kept);
        let needed = needed(channel, is_kept, *spent);
        for entry in bookings(provider, needed, days, now) {
            let booked = db.book(entry, &Act::of_program(now)).await;
            booked
                .map_err(|error| Failure::Failed(format!("the top-up of {provider}: {error}")))?;
        }
    }
    while db.sum_tallies(now).await? {}
    note_reported(db, now).await
}

/// The last answer of the history names the balance, as each of Telegram's does; unless a later one is known.
async fn note_reported(db: &Db, now: DateTime<Utc>) -> Result<(), Failure> {
    let reported = db.reported_balances().await?;
    for account in ledger_balances(db).await? {
        let mut known = reported.iter();
        let is_reported =
            known.any(|known| known.provider == account.provider && known.at.is_some());
        let mut providers = providers().into_iter();
        let reports = providers
            .any(|(name, channel, _)| name == account.provider && channel == Channel::Telegram);
        if reports && !is_reported {
            db.note_reported_balance(&account.provider, account.money, now)
                .await?;
        }
    }
    Ok(())
}

/// What to book in all. The simulated Telegram account reports its balance, which the ledger has to match: history leaves it
/// unchanged, and the first bookings add what the simulator starts with. An SMS account keeps about a quarter.
fn needed(channel: Channel, is_kept: bool, spent: i64) -> i64 {
    if channel != Channel::Telegram {
        return ((spent * 5 / 4).div_euclid(ROUND) + 1) * ROUND;
    }
    let first = i64::from(FIRST_BALANCE) * 10_000;
    spent + if is_kept { 0 } else { first }
}

/// Round top-ups of one size, and what is over as the opening balance, before the history.
fn bookings(provider: &str, needed: i64, days: u32, now: DateTime<Utc>) -> Vec<Entry> {
    let rounds = i64::from(days.div_ceil(EVERY_DAYS).max(1));
    let each = (needed / rounds).div_euclid(ROUND) * ROUND;
    let begin = now - TimeDelta::days(i64::from(days));
    let entry = |at, kind, amount, note: &str| Entry {
        id: time_ordered(at, random()),
        at,
        kind,
        basis: Basis::Manual.as_str().to_owned(),
        money: Money::new(Micros(amount), Currency::USD),
        provider: provider.to_owned(),
        channel: None,
        country: None,
        project: None,
        verification: None,
        attempt: None,
        author: Some("seed".to_owned()),
        note: Some(note.to_owned()),
    };
    let mut entries = Vec::new();
    let opening = needed - each * rounds;
    if opening != 0 {
        entries.push(entry(begin, Kind::Adjustment, opening, "opening balance"));
    }
    if each != 0 {
        let at = |round| begin + TimeDelta::days(round * i64::from(EVERY_DAYS));
        let top_ups = (0..rounds).map(|round| {
            let note = format!("made up with the history, {} of {rounds}", round + 1);
            entry(at(round), Kind::TopUp, each, &note)
        });
        entries.extend(top_ups);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookings_add_up_to_what_is_needed_and_begin_with_the_history() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        for (needed, days) in [
            (138_340_000, 90),
            (100_000_000, 30),
            (7_000_000, 1),
            (0, 90),
        ] {
            let entries = bookings("telegram", needed, days, now);
            let sum: i64 = entries.iter().map(|entry| entry.money.amount.0).sum();
            assert_eq!(sum, needed);
            let begin = now - TimeDelta::days(i64::from(days));
            assert!(entries.first().is_none_or(|first| first.at == begin));
            assert!(entries.iter().all(|entry| entry.at <= now));
        }
    }

    #[test]
    fn the_ledger_ends_at_the_simulators_balance() {
        let first = i64::from(FIRST_BALANCE) * 10_000;
        assert_eq!(
            needed(Channel::Telegram, false, 38_340_000) - 38_340_000,
            first
        );
        assert_eq!(needed(Channel::Telegram, true, 38_340_000), 38_340_000);
    }
}
