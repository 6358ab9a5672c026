//! Did you mean …? Finds the known name that is the fewest typing errors away.

/// The nearest of `known`, if it is near enough to be a typing error.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (written.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(slips, _)| *slips <= allowed)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    strsim::osa_distance(&a.to_lowercase(), &b.to_lowercase())
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
