//! Country names, compiled in from `countries.tsv`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::notation::{LANGUAGES, Locale};

type Names = [&'static str; LANGUAGES];

/// Networks that belong to no country have the code `001`; older entries have `ZZ`.
const NO_COUNTRY: Names = ["International networks", "Международные сети"];

static NAMES: LazyLock<HashMap<&str, Names>> = LazyLock::new(|| {
    let lines = include_str!("countries.tsv").lines();
    let rows = lines.filter_map(|line| {
        let mut parts = line.split('\t');
        let code = parts.next().filter(|code| code.len() == 2)?;
        let mut names = Names::default();
        for name in &mut names {
            *name = parts.next()?;
        }
        Some((code, names))
    });
    rows.chain([("001", NO_COUNTRY), ("ZZ", NO_COUNTRY)])
        .collect()
});

impl Locale {
    /// The name of a country, given its ISO 3166 code.
    #[must_use]
    pub fn country(&self, code: &str) -> Option<&'static str> {
        NAMES.get(code).map(|names| names[self.place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_name_in_every_language() {
        assert!(NAMES.len() > 249);
        let unnamed = NAMES.iter().filter(|(_, names)| names.contains(&""));
        assert_eq!(unnamed.count(), 0);
        assert_eq!(Locale::ENGLISH.country("UZ"), Some("Uzbekistan"));
        assert_eq!(Locale::RUSSIAN.country("KZ"), Some("Казахстан"));
        assert_eq!(Locale::RUSSIAN.country("001"), Some("Международные сети"));
        assert_eq!(Locale::ENGLISH.country("xx"), None);
    }
}
