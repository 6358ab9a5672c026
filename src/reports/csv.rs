//! CSV (RFC 4180) that is safe against formula injection in spreadsheets.

use super::table::{Cell, Table};

/// Lines per part.
const PART: usize = 1_000;

/// Yields a report in parts, so that a long one is not in memory twice. The first row contains the column names, the
/// last one the total.
pub fn parts(table: Table) -> impl Iterator<Item = String> + 'static {
    let (head, last) = (table.columns.clone(), table.last_row());
    let mut rows = std::iter::once(Row::Head(head))
        .chain(table.rows.into_iter().map(Row::Cells))
        .chain([Row::Cells(last)]);
    std::iter::from_fn(move || {
        let mut part = String::new();
        for row in rows.by_ref().take(PART) {
            part.push_str(&match row {
                Row::Head(names) => line(names.into_iter().map(ToOwned::to_owned)),
                Row::Cells(cells) => line(cells.iter().map(|cell| cell.text(table.currency))),
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

/// Quotes a field. Text that a spreadsheet would read as a formula gets a leading apostrophe; numbers do not.
fn quoted(field: &str) -> String {
    let is_number = field.strip_prefix('-').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.parse::<f64>().is_ok()
    });
    let formula = !is_number && field.starts_with(['=', '+', '-', '@', '\t', '\r']);
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
        let parts: Vec<String> = parts(table).collect();
        assert_eq!(parts.len(), 3);
        let whole = parts.concat();
        let lines: Vec<&str> = whole.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 2_502);
        assert_eq!(
            [lines[0], lines[1], lines[2_500], lines[2_501]],
            ["day,net", "0,0.00", "2499,0.002499", "total,3.12375"]
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
}
