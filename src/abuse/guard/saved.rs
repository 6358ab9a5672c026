//! What figures are kept over a restart, and what is known of the time before it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::blocks::Block;
use super::cells::{Cell, Key};
use super::figures::Figures;
use super::ring::slot;
use super::tally::{Tally, day};
use crate::verification::id::ProjectId;
use crate::verification::phone::Country;

/// A cell's sums, to be kept over a restart. Counts of 5 minutes, of hours and of UTC days, all numbered since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub key: Key,
    /// 5 minutes, unverified sends, verifications.
    pub buckets: Vec<(u32, i32, i32)>,
    /// Day, verifications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<(u32, u32)>,
    /// Hour, sends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<(u32, u32)>,
    /// Of a prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// When it was last counted in, in seconds since 1970.
    pub touched: u32,
}

impl Figures {
    /// Countries, prefixes and autonomous systems that were counted in at `since` or later, to be kept over a restart. Addresses and
    /// their networks are never written down.
    #[must_use]
    pub fn export(&self, since: DateTime<Utc>) -> Vec<Saved> {
        let since = since.timestamp();
        let mut saved = Vec::new();
        for store in [&self.destinations, &self.requesters] {
            store.each(|key, tally| {
                if key.cell.is_kept() && i64::from(tally.touched) >= since {
                    saved.push(Saved::of(*key, tally));
                }
            });
        }
        for saved in &mut saved {
            saved.block = self.blocks.find(&saved.key);
        }
        saved
    }

    /// Adds what [`Figures::export`] gave in an earlier process.
    pub fn import(&self, saved: impl IntoIterator<Item = Saved>) {
        for saved in saved {
            let touched = i64::from(saved.touched);
            if let Some(block) = saved.block {
                self.blocks.restore(saved.key, block);
            }
            self.store(saved.key.cell)
                .change(saved.key, touched, |tally| saved.add_to(tally));
        }
    }

    /// Takes a country's past from the sums that reports use: verifications by UTC day, and paid sends by hour, each with its start.
    pub fn import_past(
        &self,
        project: ProjectId,
        country: Country,
        days: &[(DateTime<Utc>, u32)],
        hours: &[(DateTime<Utc>, u32)],
    ) {
        let cell = Cell::Country(country);
        let starts = days.iter().chain(hours).map(|(at, _)| at.timestamp());
        let Some(newest) = starts.max() else { return };
        self.destinations
            .change(Key { project, cell }, newest, |tally| {
                tally.touch(newest);
                let kept = tally.days.get_or_insert_default();
                for (at, verified) in days {
                    kept.raise_to(day(at.timestamp()), *verified);
                }
                let pulse = tally.pulse.get_or_insert_default();
                for (at, sends) in hours {
                    pulse.set_hour(slot(at.timestamp()) / 12, *sends);
                }
            });
    }
}

impl Saved {
    fn of(key: Key, tally: &Tally) -> Self {
        let buckets = tally.ring.buckets().iter();
        let days = tally.days.as_deref();
        Self {
            key,
            buckets: buckets
                .map(|it| (it.slot, it.unverified, it.verified))
                .collect(),
            days: days.map(|days| days.iter().collect()).unwrap_or_default(),
            hours: tally
                .pulse
                .as_deref()
                .map(|pulse| pulse.hours().collect())
                .unwrap_or_default(),
            block: None,
            touched: tally.touched,
        }
    }

    fn add_to(&self, tally: &mut Tally) {
        tally.touch(i64::from(self.touched));
        for (slot, unverified, verified) in &self.buckets {
            tally.ring.count(*slot, None, *unverified, *verified);
        }
        for (day, verified) in &self.days {
            tally.days.get_or_insert_default().add(*day, *verified);
        }
        for (hour, sends) in &self.hours {
            let kept = tally.pulse.get_or_insert_default();
            kept.add_hour(*hour, *sends);
        }
    }
}
