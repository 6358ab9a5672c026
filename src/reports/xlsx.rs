//! A spreadsheet for people: titles in the reader's language, typed numbers and dates, filters, totals as formulas, and a
//! sheet that says what the file contains.

use chrono::{DateTime, NaiveDate, Utc};
use rust_xlsxwriter::{Format, FormatBorder, Formula, Workbook, Worksheet, XlsxError};

use super::csv::may_be_formula;
use super::query::Query;
use super::table::{Cell, Table};
use super::words::{self, meaning, title};
use crate::locale::Locale;
use crate::locale::numbers::decimals;
use crate::money::Micros;
use crate::verification::route::Channel;

/// The file's media type.
pub const CONTENT_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// What a file is about, for its sheet *About*.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The reader's language.
    pub locale: &'static Locale,
    /// For programs: the first row has the keys of the JSON, and the last begins with `total`.
    pub for_programs: bool,
    pub query: &'a Query,
    /// The name of the only project; `None`: all.
    pub project: Option<&'a str>,
    pub made_at: DateTime<Utc>,
    /// Whether the last row is the total.
    pub totals: bool,
}

/// A column of the sheet: its key, and the column of the report that it shows.
#[derive(Clone, Copy)]
struct Column {
    key: &'static str,
    of: usize,
}

/// The file's bytes.
pub fn write(table: &Table, about: &About<'_>) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let words = words::sheet(about.locale);
    let name = if table.has_money() {
        words.costs
    } else {
        words.conversion
    };
    let columns = columns(table, about.for_programs);
    let sheet = book.add_worksheet().set_name(name)?;
    rows(sheet, table, about, &columns)?;
    let sheet = book.add_worksheet().set_name(words.about)?;
    description(sheet, table, about, (name, &columns))?;
    book.save_to_buffer()
}

/// The report's columns; for people, a country's code is followed by its name.
fn columns(table: &Table, for_programs: bool) -> Vec<Column> {
    let mut columns = Vec::new();
    for (of, key) in table.columns.iter().enumerate() {
        columns.push(Column { key, of });
        if *key == "country" && of < table.keys && !for_programs {
            let key = "country_name";
            columns.push(Column { key, of });
        }
    }
    columns
}

fn rows(
    sheet: &mut Worksheet,
    table: &Table,
    about: &About<'_>,
    columns: &[Column],
) -> Result<(), XlsxError> {
    let head = Format::new()
        .set_bold()
        .set_text_wrap()
        .set_border_bottom(FormatBorder::Thin);
    let end = u32::try_from(table.rows.len()).unwrap_or(u32::MAX);
    let last = table.last_row();
    for (place, column) in (0_u16..).zip(columns) {
        let title = if about.for_programs {
            column.key
        } else {
            title(about.locale, column.key)
        };
        sheet.write_with_format(0, place, title, &head)?;
        let format = format(table, about.locale, *column);
        for (row, cells) in (1_u32..).zip(&table.rows) {
            write_cell(
                sheet,
                (row, place),
                about.locale,
                *column,
                &cells[column.of],
                &format,
            )?;
        }
        if about.totals {
            let bold = format.set_bold().set_border_top(FormatBorder::Thin);
            let total = (*column, &last[column.of]);
            write_total(sheet, (end + 1, place), table, about, total, &bold)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    if let Some(right) = columns
        .len()
        .checked_sub(1)
        .and_then(|last| u16::try_from(last).ok())
    {
        sheet.autofilter(0, 0, end, right)?;
    }
    sheet.autofit();
    Ok(())
}

/// How the cells of a column are shown.
fn format(table: &Table, locale: &Locale, column: Column) -> Format {
    let format = Format::new();
    let mut cells = table.rows.iter().map(|row| &row[column.of]);
    match (column.key, cells.clone().next()) {
        ("month", _) => format.set_num_format("mmmm yyyy"),
        ("day", _) => format.set_num_format("yyyy-mm-dd"),
        ("hour", _) => format.set_num_format("yyyy-mm-dd hh:mm"),
        (_, Some(Cell::Money(_))) => {
            let amounts = cells.by_ref().map(|cell| match cell {
                Cell::Money(amount) => *amount,
                _ => Micros::ZERO,
            });
            let digits = "0".repeat(decimals(amounts, table.currency).max(1));
            let code = table.currency;
            format.set_num_format(if locale.puts_symbol_first() {
                format!("[${code}]\\ #,##0.{digits}")
            } else {
                format!("#,##0.{digits}\\ [${code}]")
            })
        }
        (_, Some(Cell::Seconds(_))) => format.set_num_format("0.00"),
        (_, Some(Cell::Count(_))) => format.set_num_format("#,##0"),
        _ => format,
    }
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, place): (u32, u16),
    locale: &Locale,
    column: Column,
    cell: &Cell,
    format: &Format,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Text(text) => write_key(sheet, (row, place), locale, column.key, text, format)?,
        Cell::Seconds(None) => {
            sheet.write_blank(row, place, format)?;
        }
        _ => {
            sheet.write_with_format(row, place, number(cell), format)?;
        }
    }
    Ok(())
}

/// A cell that identifies its row: dates as dates, names in the reader's language, all other text as text.
fn write_key(
    sheet: &mut Worksheet,
    (row, place): (u32, u16),
    locale: &Locale,
    key: &str,
    text: &str,
    format: &Format,
) -> Result<(), XlsxError> {
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    let date = match key {
        "day" => day(text),
        "month" => day(&format!("{text}-01")),
        _ => None,
    };
    if let Some(date) = date {
        sheet.write_with_format(row, place, &date, format)?;
        return Ok(());
    }
    if let ("hour", Ok(at)) = (key, DateTime::parse_from_rfc3339(text)) {
        sheet.write_with_format(row, place, &at.naive_local(), format)?;
        return Ok(());
    }
    let name = match key {
        "country_name" => locale.country(text).unwrap_or_default(),
        "channel" => text
            .parse::<Channel>()
            .map_or(text, |channel| channel.label()),
        _ => text,
    };
    write_text(sheet, (row, place), name, format)
}

/// A text stays a text, also when a spreadsheet program stores it in another format.
fn write_text(
    sheet: &mut Worksheet,
    (row, place): (u32, u16),
    text: &str,
    format: &Format,
) -> Result<(), XlsxError> {
    if may_be_formula(text) {
        sheet.write_string_with_format(row, place, text, &format.clone().set_quote_prefix())?;
    } else {
        sheet.write_string_with_format(row, place, text, format)?;
    }
    Ok(())
}

/// A formula over the rows, unless the total is something else than their sum.
fn write_total(
    sheet: &mut Worksheet,
    (row, place): (u32, u16),
    table: &Table,
    about: &About<'_>,
    (column, cell): (Column, &Cell),
    format: &Format,
) -> Result<(), XlsxError> {
    if column.of < table.keys {
        let text = match place {
            0 if about.for_programs => "total",
            0 => words::sheet(about.locale).total,
            _ => "",
        };
        let plain = Format::new().set_bold().set_border_top(FormatBorder::Thin);
        return write_text(sheet, (row, place), text, &plain);
    }
    if table.rows.is_empty() || !is_sum(table, column.of) {
        return write_cell(sheet, (row, place), about.locale, column, cell, format);
    }
    let name = rust_xlsxwriter::utility::column_number_to_name(place);
    // 109: the sum of the rows that a filter leaves.
    let formula = Formula::new(format!("=SUBTOTAL(109,{name}2:{name}{row})"));
    let formula = formula.set_result(number(cell).to_string());
    sheet.write_formula_with_format(row, place, formula, format)?;
    Ok(())
}

/// Whether the total of a column is the sum of its rows; it is not where the total counts in another way.
fn is_sum(table: &Table, column: usize) -> bool {
    let whole = |cell: &Cell| match cell {
        Cell::Count(value) | Cell::Money(Micros(value)) => Some(*value),
        Cell::Text(_) | Cell::Seconds(_) => None,
    };
    let sum: Option<i64> = table.rows.iter().map(|row| whole(&row[column])).sum();
    sum.is_some() && sum == whole(&table.total[column - table.keys])
}

#[expect(clippy::cast_precision_loss, reason = "a cell holds a float")]
fn number(cell: &Cell) -> f64 {
    match cell {
        Cell::Count(value) => *value as f64,
        Cell::Money(amount) => amount.0 as f64 / 1e6,
        Cell::Seconds(seconds) => seconds.unwrap_or_default(),
        Cell::Text(_) => 0.0,
    }
}

/// The sheet *About*: what was asked, and what each column means.
fn description(
    sheet: &mut Worksheet,
    table: &Table,
    about: &About<'_>,
    (name, columns): (&str, &[Column]),
) -> Result<(), XlsxError> {
    let (locale, query) = (about.locale, about.query);
    let words = words::sheet(locale);
    let groups: Vec<&str> = query
        .groups
        .iter()
        .map(|group| title(locale, group.as_str()))
        .collect();
    let groups = if groups.is_empty() {
        words.not_grouped.to_owned()
    } else {
        groups.join(", ")
    };
    let made_at = about.made_at.with_timezone(&query.zone);
    let mut facts = vec![
        (words.report, name.to_owned()),
        (words.period, locale.days(query.from, query.to)),
        (words.zone, query.zone.name().to_owned()),
    ];
    if table.has_money() {
        facts.push((title(locale, "currency"), table.currency.to_string()));
    }
    let project = about.project.unwrap_or(words.every_project);
    facts.extend([
        (words.project, project.to_owned()),
        (words.grouped_by, groups),
        (words.made_at, locale.minute(&made_at)),
        (
            words.made_by,
            format!("Pinroute {}", env!("CARGO_PKG_VERSION")),
        ),
    ]);
    let (plain, bold) = (Format::new(), Format::new().set_bold());
    let mut row = 0;
    for (label, fact) in facts {
        sheet.write_with_format(row, 0, label, &bold)?;
        write_text(sheet, (row, 1), &fact, &plain)?;
        row += 1;
    }
    row += 1;
    for (place, head) in (0_u16..).zip([words.column, words.key, words.meaning]) {
        sheet.write_with_format(row, place, head, &bold)?;
    }
    for column in columns {
        row += 1;
        sheet.write(row, 0, title(locale, column.key))?;
        if column.key != "country_name" {
            sheet.write(row, 1, column.key)?;
        }
        sheet.write(row, 2, meaning(locale, column.key))?;
    }
    if about.totals {
        let summed = (table.keys..table.columns.len()).all(|column| is_sum(table, column));
        let said = if summed {
            words.totals
        } else {
            words.totals_once
        };
        sheet.write(row + 2, 0, said)?;
    }
    sheet.set_column_width(0, 26)?;
    sheet.set_column_width(1, 30)?;
    sheet.set_column_width(2, 90)?;
    Ok(())
}
