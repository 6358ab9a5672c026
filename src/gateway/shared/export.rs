//! Long lists as CSV, in parts.

use futures_util::stream::{self, Stream};

use crate::gateway::error::Error;
use crate::reports::csv;

/// Rows that are read together.
pub const PART: i64 = 1_000;

/// What `list` returns for a query of [`PART`] rows, `after` the last row again, and so on; a `line` each, below the columns' names. If the
/// first part cannot be read, this returns the error. A later error ends the stream with an error, so that a truncated file is not
/// mistaken for a complete one.
pub async fn csv_parts<Q, T, F>(
    query: Q,
    columns: &[&str],
    list: impl Fn(Q) -> F + Clone + 'static,
    line: impl Fn(&T) -> String + Clone + 'static,
    after: fn(&mut Q, &T),
) -> Result<impl Stream<Item = Result<String, Error>> + 'static, Error>
where
    Q: Clone + 'static,
    T: 'static,
    F: Future<Output = Result<Vec<T>, Error>> + 'static,
{
    let first = list(query.clone()).await?;
    let head = csv::line(columns.iter().map(|&name| name.to_owned()));
    Ok(stream::try_unfold(
        (Some(first), query, head),
        move |(part, mut query, mut text)| {
            let (list, line) = (list.clone(), line.clone());
            async move {
                let Some(rows) = part else { return Ok(None) };
                for row in &rows {
                    text.push_str(&line(row));
                }
                let is_full = i64::try_from(rows.len()).is_ok_and(|len| len == PART);
                let next = match rows.last().filter(|_| is_full) {
                    Some(last) => {
                        after(&mut query, last);
                        Some(list(query.clone()).await?)
                    }
                    None => None,
                };
                Ok(Some((text, (next, query, String::new()))))
            }
        },
    ))
}
