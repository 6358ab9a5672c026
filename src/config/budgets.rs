//! Reads the money brake of a policy: `"off"`, one budget, or a list of them.

use serde_json::{Value, json};

use crate::money::{Micros, Money};
use crate::reader::{Checked, Field, all, optional};
use crate::verification::budget::{Budget, Period};

/// No budget at all.
pub(super) const OFF: &str = "off";

const PERIODS: [(&str, Period); 3] = [
    ("hour", Period::Hour),
    ("day", Period::Day),
    ("month", Period::Month),
];

pub(super) fn read(field: Field<'_>) -> Checked<Vec<Budget>> {
    if field.is_text(OFF) {
        return Ok(Vec::new());
    }
    if field.is_table() {
        return Ok(vec![budget(field)?]);
    }
    if !field.is_list() {
        return field.misshapen("a table, such as { period = \"day\", limit = … }, or \"off\"");
    }
    let (path, report) = (field.path.clone(), field.report);
    let budgets = all(field.items()?.into_iter().map(budget))?;
    if budgets.is_empty() {
        return Err(report.fault(path, "is empty; \"off\" disables it"));
    }
    for (place, budget) in budgets.iter().enumerate() {
        let twin = |other: &Budget| {
            (other.period, other.country, other.limit.currency)
                == (budget.period, budget.country, budget.limit.currency)
        };
        if budgets[..place].iter().any(twin) {
            return Err(report.fault(
                format!("{path}[{place}]"),
                "is a second limit for the same period, country and currency; keep the lower one",
            ));
        }
    }
    Ok(budgets)
}

fn budget(field: Field<'_>) -> Checked<Budget> {
    let mut table = field.table()?;
    let period = table.get("period").and_then(|field| field.choice(&PERIODS));
    let limit = table.get("limit").and_then(limit);
    let country = optional(table.find("country"), |field| field.parsed(str::parse));
    let alert_at = optional(table.find("alert_at"), |field| {
        all(field.items()?.iter().map(share))
    });
    table.finish();
    let mut alert_at = alert_at?.unwrap_or_else(|| Budget::ALERT_AT.to_vec());
    alert_at.sort_unstable();
    alert_at.dedup();
    Ok(Budget {
        period: period?,
        limit: limit?,
        country: country?,
        alert_at,
    })
}

fn limit(field: Field<'_>) -> Checked<Money> {
    let (path, report) = (field.path.clone(), field.report);
    let limit = field.money()?;
    if limit.amount <= Micros::ZERO {
        return Err(report.fault(
            format!("{path}.amount"),
            format!(
                "`{}` leaves room for nothing; write more, or budget = \"off\" for no limit",
                limit.amount.to_decimal(0)
            ),
        ));
    }
    Ok(limit)
}

/// `0.8`, in thousandths.
fn share(field: &Field<'_>) -> Checked<u16> {
    let share = field.as_number().map_or(0.0, |share| share * 1_000.0);
    if !(1.0..=1_000.0).contains(&share) {
        return field.fault("must be a share of the limit, more than 0 and at most 1, such as 0.8");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 1000"
    )]
    Ok(share.round() as u16)
}

/// As [`read`] reads it.
pub(super) fn written(budgets: &[Budget]) -> Value {
    let one = |budget: &Budget| {
        let mut written = json!({
            "period": budget.period.as_str(),
            "limit": { "amount": budget.limit.decimal(), "currency": budget.limit.currency.to_string() },
        });
        if let Some(country) = budget.country {
            written["country"] = json!(country);
        }
        if budget.alert_at != Budget::ALERT_AT {
            let shares = budget
                .alert_at
                .iter()
                .map(|share| f64::from(*share) / 1_000.0);
            written["alert_at"] = json!(shares.collect::<Vec<_>>());
        }
        written
    };
    match budgets {
        [] => json!(OFF),
        [budget] => one(budget),
        many => many.iter().map(one).collect(),
    }
}
