//! Comma-separated values (RFC 4180), which no spreadsheet takes for formulas.

use super::table::Table;

/// The first row holds the names of the columns, the last one the total.
#[must_use]
pub fn write(table: &Table) -> String {
    let mut out = line(table.columns.iter().map(|name| (*name).to_owned()));
    let last = table.last_row();
    for row in table.rows.iter().chain([&last]) {
        out.push_str(&line(row.iter().map(|cell| cell.text(table.currency))));
    }
    out
}

/// One line of fields, each quoted where it must be.
#[must_use]
pub fn line(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = fields.map(|field| quoted(&field)).collect();
    format!("{}\r\n", fields.join(","))
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it; a number does not.
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
