//! Did you mean …? How many slips of the finger lie between what was written and what exists.

/// The nearest of `known`, when it is near enough to be what was meant.
pub(super) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (written.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(slips, _)| *slips <= allowed)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment), without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let replaced = at(&above, j) + usize::from(from != to);
            let mut best = replaced.min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    at(&above, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted_and_strangers_are_not_guessed_at() {
        assert_eq!(distance("token", "token"), 0);
        assert_eq!(distance("tokn", "token"), 1);
        assert_eq!(distance("ulr", "url"), 1);
        assert_eq!(distance("", "url"), 3);
        assert_eq!(nearest("ulr", ["name", "url"]), Some("url"));
        assert_eq!(nearest("telegarm", ["telegram", "sms"]), Some("telegram"));
        assert_eq!(nearest("port", ["log", "listen", "workers"]), None);
    }
}
