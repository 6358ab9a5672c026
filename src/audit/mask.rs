//! What an entry does not tell: phone numbers, and what an address carries besides its host and path.

use serde_json::Value;

use crate::verification::phone::PhoneNumber;

/// Fewer digits after a plus sign are a prefix.
const SHORTEST: usize = 9;
/// E.164.
const LONGEST: usize = 15;

/// A text with the phone numbers in it masked: plus signs followed by 9 to 15 digits, also with spaces, hyphens, dots and parentheses
/// between.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (digits, len) = number(&from[1..]);
        if (SHORTEST..=LONGEST).contains(&digits.len()) {
            out.push_str(&PhoneNumber::from_storage(format!("+{digits}")).masked());
            rest = &from[1 + len..];
        } else {
            out.push('+');
            rest = &from[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The digits that a text begins with, and how many bytes they take. Of more than a number has, the groups that fit: a date may follow.
fn number(text: &str) -> (String, usize) {
    let (mut digits, mut len) = (String::new(), 0);
    let mut fits = (0, 0);
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            digits.push(c);
            len = at + 1;
        } else if !" -.()\u{a0}".contains(c) {
            break;
        } else if digits.len() <= LONGEST {
            fits = (digits.len(), len);
        }
    }
    if digits.len() > LONGEST {
        digits.truncate(fits.0);
        len = fits.1;
    }
    (digits, len)
}

/// With the numbers in all its texts masked.
pub(super) fn mask_all(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(masked(&text)),
        Value::Array(items) => items.into_iter().map(mask_all).collect(),
        Value::Object(members) => {
            let hide = |(name, value): (String, Value)| (masked(&name), mask_all(value));
            Value::Object(members.into_iter().map(hide).collect())
        }
        other => other,
    }
}

/// A URL without what often is a secret: user and password, query and fragment.
#[must_use]
pub fn address(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (shown, rest) = url.split_at(end);
    let (scheme, after) = shown.split_once("://").unwrap_or(("", shown));
    let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let hidden = |is_there: bool| if is_there { "***" } else { "" };
    let user = if host.len() < authority.len() {
        "***@"
    } else {
        ""
    };
    let mark = rest.chars().next().map(String::from).unwrap_or_default();
    let scheme = if scheme.is_empty() {
        String::new()
    } else {
        format!("{scheme}://")
    };
    format!(
        "{scheme}{user}{host}{path}{mark}{}",
        hidden(!rest.is_empty())
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_masked_wherever_they_stand() {
        assert_eq!(masked("+998901234567"), "+998 90 ••• •• 67");
        let said = masked("asked by +998 (90) 123-45-67, see order 12");
        assert_eq!(said, "asked by +998 90 ••• •• 67, see order 12");
        let said = masked("+998901234567 2026-10-01, +998901234567");
        assert_eq!(said, "+998 90 ••• •• 67 2026-10-01, +998 90 ••• •• 67");
        let nested = json!({ "notes": ["call +998901234567"], "+998901234567": 1 });
        let text = mask_all(nested).to_string();
        assert!(
            !text.contains("1234567") && !text.contains("901234"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_number_stays() {
        for text in [
            "",
            "+",
            "a+b",
            "+99890777",
            "+12345678901234567890",
            "1000000000.00",
            "5/10m + 20/1d",
            "0198c1a2-7b3c-7def-8123-456789012345",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn an_address_tells_neither_user_nor_query() {
        for (url, shown) in [
            ("https://shop.example/hook", "https://shop.example/hook"),
            (
                "https://shop.example/hook?token=abc",
                "https://shop.example/hook?***",
            ),
            (
                "https://u:p@shop.example:8443/a#b",
                "https://***@shop.example:8443/a#***",
            ),
            ("https://shop.example", "https://shop.example"),
        ] {
            assert_eq!(address(url), shown);
        }
    }
}
