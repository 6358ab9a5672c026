//! Alerts: a budget has reached a share of its limit, or an account is running low. Recorded together with the messages that
//! announce it, so that no alert is lost, and none is sent twice however many replicas look.

use super::budgets::country;
use super::engine::connection;
use super::engine::rows::{Column, Rows};
use super::engine::write;
use super::webhook_deliveries::{self, Delivery};
use super::{StorageError, Store};
use crate::verification::budget::Counter;

impl Store {
    /// Records that a share, in thousandths, was reached. Returns false if it was recorded before.
    pub async fn note_budget_alert(
        &self,
        counter: &Counter,
        share: i64,
        messages: &[Delivery],
    ) -> Result<bool, StorageError> {
        const NOTE: &str = "UPDATE budget_uses SET alerted = r.share FROM {rows} WHERE budget_uses.alerted < r.share \
            AND budget_uses.project_id = r.project_id AND budget_uses.period = r.period AND budget_uses.country = r.country \
            AND budget_uses.currency = r.currency AND budget_uses.starts_at = r.starts_at RETURNING budget_uses.period";
        let text = |text: String| Column::Text(vec![Some(text)]);
        let columns = vec![
            ("share", Column::Int(vec![Some(share)])),
            ("project_id", Column::Uuid(vec![Some(counter.project)])),
            ("period", text(counter.period.as_str().to_owned())),
            ("country", text(country(counter.country))),
            ("currency", text(counter.currency.to_string())),
            ("starts_at", Column::Int(vec![Some(counter.starts_at)])),
        ];
        self.announce_if_changed(NOTE, Rows::new(1, columns), messages)
            .await
    }

    /// After a limit was raised: shares above this one will be announced again.
    pub async fn lower_budget_alert(
        &self,
        counter: &Counter,
        share: i64,
    ) -> Result<(), StorageError> {
        const SQL: &str = "UPDATE budget_uses SET alerted = $1 WHERE alerted > $1 AND project_id = $2 AND period = $3 \
            AND country = $4 AND currency = $5 AND starts_at = $6";
        write!(&self.engine, |pool| sqlx::query(SQL)
            .bind(share)
            .bind(counter.project)
            .bind(counter.period.as_str())
            .bind(country(counter.country))
            .bind(counter.currency.as_str())
            .bind(counter.starts_at)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Records whether an account is running low. Returns whether that changed; `messages` announce it.
    pub async fn note_low_balance(
        &self,
        provider: &str,
        currency: &str,
        low: bool,
        messages: &[Delivery],
    ) -> Result<bool, StorageError> {
        const NOTE: &str = "INSERT INTO balances (provider, currency, low) SELECT r.provider, r.currency, r.low = 1 FROM {rows} \
            WHERE true ON CONFLICT (provider) DO UPDATE SET low = excluded.low WHERE balances.low <> excluded.low \
            RETURNING provider";
        let text = |text: &str| Column::Text(vec![Some(text.to_owned())]);
        let columns = vec![
            ("provider", text(provider)),
            ("currency", text(currency)),
            ("low", Column::Int(vec![Some(i64::from(low))])),
        ];
        self.announce_if_changed(NOTE, Rows::new(1, columns), messages)
            .await
    }

    /// Inserts the messages if the note changed anything.
    pub(super) async fn announce_if_changed(
        &self,
        note: &'static str,
        noted: Rows<'_>,
        messages: &[Delivery],
    ) -> Result<bool, StorageError> {
        connection::in_transaction(&self.engine, async |connection| {
            let changed: Vec<String> = connection.returning(note, noted).await?;
            if !changed.is_empty() && !messages.is_empty() {
                let messages: Vec<&Delivery> = messages.iter().collect();
                connection
                    .write(
                        webhook_deliveries::INSERT,
                        webhook_deliveries::rows(&messages),
                    )
                    .await?;
            }
            Ok(!changed.is_empty())
        })
        .await
    }
}
