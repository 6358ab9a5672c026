//! A spreadsheet with typed numbers and dates, a frozen header row, and totals.

use chrono::NaiveDate;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::table::{Cell, Table};

/// The file's media type.
pub const CONTENT_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The file's bytes.
pub fn write(table: &Table, name: &str) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name(name)?;
    let bold = Format::new()
        .set_bold()
        .set_border_bottom(rust_xlsxwriter::FormatBorder::Thin);
    // Shows two to six decimals, as needed.
    let money = Format::new().set_num_format("#,##0.00####");
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let count = Format::new().set_num_format("#,##0");
    let seconds = Format::new().set_num_format("0.00");
    let last = table.last_row();
    for (column, title) in (0_u16..).zip(&table.columns) {
        sheet.write_with_format(0, column, *title, &bold)?;
    }
    for (row, cells) in (1_u32..).zip(table.rows.iter().chain([&last])) {
        let is_total = row as usize == table.rows.len() + 1;
        let style = |format: &Format| {
            if is_total {
                format
                    .clone()
                    .set_bold()
                    .set_border_top(rust_xlsxwriter::FormatBorder::Thin)
            } else {
                format.clone()
            }
        };
        for (column, cell) in (0_u16..).zip(cells) {
            let is_day = table.columns[usize::from(column)] == "day";
            match cell {
                Cell::Text(text) => match text.parse::<NaiveDate>() {
                    Ok(day) if is_day => {
                        sheet.write_with_format(row, column, &day, &style(&date))?
                    }
                    _ => sheet.write_with_format(row, column, text, &style(&Format::new()))?,
                },
                #[expect(clippy::cast_precision_loss, reason = "a cell holds a float")]
                Cell::Count(value) => {
                    sheet.write_with_format(row, column, *value as f64, &style(&count))?
                }
                #[expect(clippy::cast_precision_loss, reason = "a cell holds a float")]
                Cell::Money(amount) => {
                    sheet.write_with_format(row, column, amount.0 as f64 / 1e6, &style(&money))?
                }
                Cell::Seconds(Some(value)) => {
                    sheet.write_with_format(row, column, *value, &style(&seconds))?
                }
                Cell::Seconds(None) => sheet.write_blank(row, column, &style(&seconds))?,
            };
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.autofit();
    book.save_to_buffer()
}
