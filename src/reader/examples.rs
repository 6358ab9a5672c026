//! What examples are made of, and no configuration: placeholders, and hosts that exist nowhere.

/// Whether a text is one that a file to fill in has in the place of a value.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    // A value of its own, or after a scheme such as `Bearer`.
    let masked = words.len() <= 2
        && words.last().is_some_and(|word| {
            let of = |letters: &str| word.chars().all(|c| letters.contains(c));
            *word == "…" || word.len() >= 3 && (of(".…") || of("xX") || of("*"))
        });
    masked || words.into_iter().any(is_placeholder_word)
}

fn is_placeholder_word(word: &str) -> bool {
    let shout = word.to_ascii_uppercase().replace('_', "-");
    let bracketed = in_brackets(word)
        .is_some_and(|name| !name.is_empty() && !name.contains(['<', '>', '{', '/']));
    let yours = ["TOKEN", "KEY", "SECRET", "PASSWORD", "HERE"];
    let marks = [
        "PUT-THE-",
        "CHANGE-ME",
        "CHANGEME",
        "REPLACE-ME",
        "REPLACEME",
    ];
    bracketed
        || (shout.starts_with("YOUR-") && yours.iter().any(|end| shout.ends_with(end)))
        || marks.iter().any(|mark| shout.contains(mark))
}

fn in_brackets(word: &str) -> Option<&str> {
    word.strip_prefix('<')?.strip_suffix('>')
}

/// Like [`is_placeholder`], but for a secret, where any plain word in angle brackets is a placeholder, including one that follows a
/// space, slash, colon or at sign. A generated password may contain angle brackets, but hardly around a plain word in such a place.
#[must_use]
pub fn is_placeholder_secret(text: &str) -> bool {
    let mut words = text.split([' ', '/', ':', '@']);
    let is_letter = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '_');
    let is_named = |word: &str| {
        in_brackets(word).is_some_and(|name| name.len() >= 3 && name.chars().all(is_letter))
    };
    is_placeholder(text) || words.any(|word| is_named(word) || is_placeholder(word))
}

/// Whether nobody can own this host (RFC 2606).
#[must_use]
pub fn is_example_host(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let below = |zone: &str| host == zone || host.ends_with(&format!(".{zone}"));
    [
        "example",
        "invalid",
        "test",
        "example.com",
        "example.net",
        "example.org",
    ]
    .into_iter()
    .any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_values() {
        for text in [
            "PUT-THE-TOKEN-HERE",
            "Bearer PUT-THE-KEY-HERE",
            "CHANGE-ME",
            "change_me",
            "ChangeMe",
            "YOUR_TOKEN",
            "your-api-key",
            "…",
            "Bearer …",
            "...",
            "<token>",
            "xxxxxxxx",
        ] {
            assert!(is_placeholder(text), "{text}");
            assert!(is_placeholder_secret(text), "{text}");
        }
        for text in [
            "AAEFAAAAQKI_mDsJppSEQRr3kLOz9SatBxq48BgQLSHLRv",
            "Bearer 0f3a",
            "{text}",
            "Код {code}…",
            "<speak>{text}</speak>",
            "*** {text} ***",
            "Ваш код … {code}",
            "you-are",
            "x",
            "",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
        assert!(is_placeholder_secret(
            "postgres://pinroute:<password>@db/pinroute"
        ));
        assert!(is_placeholder_secret(
            "postgres://pinroute:CHANGE-ME@db/pinroute"
        ));
        assert!(!is_placeholder_secret(
            "postgres://pinroute:s3cret@db/pinroute"
        ));
    }

    #[test]
    fn example_hosts_are_told_from_hosts() {
        for host in [
            "sms.example",
            "verify.example.com",
            "EXAMPLE.ORG.",
            "a.invalid",
            "x.test",
        ] {
            assert!(is_example_host(host), "{host}");
        }
        for host in [
            "example.uz",
            "myexample.com",
            "latest",
            "127.0.0.1",
            "localhost",
        ] {
            assert!(!is_example_host(host), "{host}");
        }
    }
}
