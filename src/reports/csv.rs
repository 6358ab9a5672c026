//! CSV (RFC 4180) that is safe against formula injection in spreadsheets.

use super::table::{Cell, Table};
use crate::verification::digits::is_unseen;

/// Lines per part.
const PART: usize = 1_000;

/// Yields a report in parts, so that a long one is not in memory twice. The first row contains the column names; with
/// `totals` the last one is the total. A report of money ends each row with its currency.
pub fn parts(table: Table, totals: bool) -> impl Iterator<Item = String> + 'static {
    let currency = table.has_money().then(|| table.currency.to_string());
    let mut head = table.columns.clone();
    head.extend(currency.is_some().then_some("currency"));
    let last = totals.then(|| table.last_row());
    let mut rows = std::iter::once(Row::Head(head))
        .chain(table.rows.into_iter().map(Row::Cells))
        .chain(last.map(Row::Cells));
    std::iter::from_fn(move || {
        let mut part = String::new();
        for row in rows.by_ref().take(PART) {
            part.push_str(&match row {
                Row::Head(names) => line(names.into_iter().map(ToOwned::to_owned)),
                Row::Cells(cells) => {
                    let cells = cells.iter().map(|cell| cell.text(table.currency));
                    line(cells.chain(currency.clone()))
                }
            });
        }
        (!part.is_empty()).then_some(part)
    })
}

enum Row {
    Head(Vec<&'static str>),
    Cells(Vec<Cell>),
}

/// One line; fields are quoted where necessary.
#[must_use]
pub fn line(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = fields.map(|field| quoted(&field)).collect();
    format!("{}\r\n", fields.join(","))
}

/// Quotes a field. Text that a spreadsheet may read as a formula gets a leading apostrophe; numbers do not.
fn quoted(field: &str) -> String {
    let is_number = field.strip_prefix('-').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.parse::<f64>().is_ok()
    });
    let formula = !is_number && may_be_formula(field);
    let safe = if formula {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if safe.contains(['"', ',', '\r', '\n']) || formula {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

/// Whether a spreadsheet may take a text for a formula: it begins with `=`, `+`, `-` or `@` in any of their Unicode forms,
/// if need be after characters that are not seen, or with a character that ends a cell.
#[must_use]
pub fn may_be_formula(text: &str) -> bool {
    if text.starts_with(['\t', '\r', '\n']) {
        return true;
    }
    let seen = text.chars().find(|c| !is_unseen(*c));
    matches!(
        seen,
        Some(
            '=' | '\u{207c}'
                | '\u{208c}'
                | '\u{fe66}'
                | '\u{ff1d}'
                | '+'
                | '\u{207a}'
                | '\u{208a}'
                | '\u{fe62}'
                | '\u{ff0b}'
                | '-'
                | '\u{207b}'
                | '\u{208b}'
                | '\u{2212}'
                | '\u{fe63}'
                | '\u{ff0d}'
                | '@'
                | '\u{fe6b}'
                | '\u{ff20}'
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Currency, Micros};

    #[test]
    fn a_long_report_comes_in_parts_and_whole() {
        let table = Table {
            currency: Currency::USD,
            keys: 1,
            columns: vec!["day", "net"],
            rows: (0..2_500)
                .map(|n| vec![Cell::Text(n.to_string()), Cell::Money(Micros(n))])
                .collect(),
            total: vec![Cell::Money(Micros(3_123_750))],
        };
        let parts: Vec<String> = parts(table, true).collect();
        assert_eq!(parts.len(), 3);
        let whole = parts.concat();
        let lines: Vec<&str> = whole.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 2_502);
        assert_eq!(
            [lines[0], lines[1], lines[2_500], lines[2_501]],
            [
                "day,net,currency",
                "0,0.00,USD",
                "2499,0.002499,USD",
                "total,3.12375,USD"
            ]
        );
    }

    #[test]
    fn formulas_are_made_harmless_and_numbers_are_left_alone() {
        let fields = [
            "=1+1",
            "-12.50",
            "-1+cmd",
            "a \"b\", c",
            "two\nlines",
            "@x",
            "",
        ];
        let line = line(fields.into_iter().map(ToOwned::to_owned));
        assert_eq!(
            line,
            "\"'=1+1\",-12.50,\"'-1+cmd\",\"a \"\"b\"\", c\",\"two\nlines\",\"'@x\",\r\n"
        );
    }

    #[test]
    fn a_formula_is_known_in_every_form_and_behind_what_is_not_seen() {
        for text in [
            "\u{ff1d}1+1",
            "\u{ff0b}1",
            "\u{ff0d}1",
            "\u{ff20}SUM(A1)",
            "\u{fe66}1+1",
            "\u{2212}1+1",
            " =1+1",
            "\u{a0}=1+1",
            "\u{3000}\u{ff1d}1+1",
            "\u{200b}=1+1",
            "\u{feff}@x",
            "\u{ad}+1",
            "\u{1}=1",
            "\t1",
            "\r=1",
            "\n=1",
        ] {
            assert!(may_be_formula(text), "{text:?}");
            let line = line(std::iter::once(text.to_owned()));
            assert!(line.starts_with("\"'"), "{line:?}");
        }
        for text in ["", "a=1", "1+1", "12", "e\u{301}=", "№ 5", "#1", " note"] {
            assert!(!may_be_formula(text), "{text:?}");
        }
    }
}
