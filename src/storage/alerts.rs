//! Alerts: a budget has reached a share of its limit, or an account's balance is low. An alert is recorded in one
//! transaction with its messages, so that none is lost and several replicas do not send it twice. To add an alert: a
//! statement that changes a row only for new alerts, passed to `tell_if_news`.

use super::budgets::country;
use super::engine::connection;
use super::engine::rows::{Column, Rows};
use super::engine::write;
use super::webhook_deliveries::{self, Delivery};
use super::{StorageError, Store};
use crate::verification::budget::Purse;

impl Store {
    /// Records that a share, in thousandths, was reached; returns whether that is new.
    pub async fn note_budget_alert(
        &self,
        purse: &Purse,
        share: i64,
        messages: &[Delivery],
    ) -> Result<bool, StorageError> {
        const NOTE: &str = "UPDATE budget_uses SET alerted = r.share FROM {rows} WHERE budget_uses.alerted < r.share \
            AND budget_uses.project_id = r.project_id AND budget_uses.period = r.period AND budget_uses.country = r.country \
            AND budget_uses.currency = r.currency AND budget_uses.starts_at = r.starts_at RETURNING budget_uses.period";
        let text = |text: String| Column::Text(vec![Some(text)]);
        let columns = vec![
            ("share", Column::Int(vec![Some(share)])),
            ("project_id", Column::Uuid(vec![Some(purse.project)])),
            ("period", text(purse.period.as_str().to_owned())),
            ("country", text(country(purse.country))),
            ("currency", text(purse.currency.to_string())),
            ("starts_at", Column::Int(vec![Some(purse.starts_at)])),
        ];
        self.tell_if_news(NOTE, Rows::new(1, columns), messages)
            .await
    }

    /// Lowers the recorded share after a limit was raised, so that higher shares trigger alerts again.
    pub async fn lower_budget_alert(&self, purse: &Purse, share: i64) -> Result<(), StorageError> {
        const SQL: &str = "UPDATE budget_uses SET alerted = $1 WHERE alerted > $1 AND project_id = $2 AND period = $3 \
            AND country = $4 AND currency = $5 AND starts_at = $6";
        write!(&self.engine, |pool| sqlx::query(SQL)
            .bind(share)
            .bind(purse.project)
            .bind(purse.period.as_str())
            .bind(country(purse.country))
            .bind(purse.currency.as_str())
            .bind(purse.starts_at)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Records whether the balance is low; returns whether that is a change, and if so writes `messages`.
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
        self.tell_if_news(NOTE, Rows::new(1, columns), messages)
            .await
    }

    /// Runs the statement, and writes the messages if it changed a row.
    async fn tell_if_news(
        &self,
        note: &str,
        noted: Rows,
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
