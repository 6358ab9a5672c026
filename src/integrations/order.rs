//! What an identity server wants to have delivered: a number, the code that it made, and what it tells besides.

use std::time::Duration;

use serde_json::Value;

use crate::verification::code::Code;
use crate::verification::digits::fold;

/// As the request says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub phone: Option<String>,
    /// The server writes international numbers without their plus sign.
    pub drops_plus: bool,
    pub code: Option<String>,
    /// The whole message.
    pub text: Option<String>,
    /// The same in each try of one request.
    pub id: Option<String>,
    /// A language tag.
    pub locale: Option<String>,
    /// The visitor's address.
    pub ip: Option<String>,
    /// How long the code is good.
    pub ttl: Option<Duration>,
}

/// Why there is nothing to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    #[error("the request holds no phone number")]
    NoPhone,
    #[error("the code must have 4 to 10 letters and digits")]
    CodeNotCarried,
    #[error("the request holds neither a code nor a text with exactly one run of 4 to 8 digits")]
    NoCode,
}

impl Order {
    /// The number, with a plus sign where the server drops it.
    pub fn phone(&self) -> Result<String, Unread> {
        let phone = self.phone.as_deref().ok_or(Unread::NoPhone)?;
        let is_bare = phone.starts_with(|c: char| c.is_ascii_digit());
        Ok(if self.drops_plus && is_bare {
            format!("+{phone}")
        } else {
            phone.to_owned()
        })
    }

    /// The code; without one, the only run of 4 to 8 digits of the text.
    pub fn code(&self) -> Result<Code, Unread> {
        if let Some(code) = &self.code {
            return Code::parse_outside(&fold(code)).ok_or(Unread::CodeNotCarried);
        }
        let text = self.text.as_deref().ok_or(Unread::NoCode)?;
        let mut runs = runs(text);
        match (runs.next(), runs.next()) {
            (Some(only), None) => Code::parse(only).ok_or(Unread::NoCode),
            _ => Err(Unread::NoCode),
        }
    }

    /// The text with `{code}` in place of the code. `None`: there is no text, it is the code alone, or the code is not in it as
    /// it is, so that it would be stored in the clear.
    #[must_use]
    pub fn template(&self, code: &Code) -> Option<String> {
        let text = self.text.as_deref()?.trim();
        // It is no template, so that what looks like a placeholder is not one.
        let text = text.replace("{code}", "(code)");
        let written = self.code.as_deref().map(str::trim);
        let written = written.filter(|written| !written.is_empty() && text.contains(written));
        let written = written.unwrap_or(code.as_str());
        let template = text.replace(written, "{code}");
        let is_told = template.contains("{code}") && !template.contains(code.as_str());
        let is_alone = template == "{code}";
        let is_plain = !template
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
        (is_told && !is_alone && is_plain).then_some(template)
    }
}

/// The runs of 4 to 8 digits that are words of their own.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = text.split(move |c: char| !is_word(c));
    words.filter(|word| Code::parse(word).is_some())
}

/// The first of the pointers that leads to a text or a number.
pub(super) fn found(body: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| read(body, pointer))
}

pub(super) fn read(body: &Value, pointer: &str) -> Option<String> {
    match body.pointer(pointer)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(body: &Value) -> Order {
        Order {
            phone: found(body, &["/to"]),
            code: found(body, &["/code"]),
            text: found(body, &["/text"]),
            ..Order::default()
        }
    }

    #[test]
    fn a_text_has_a_code_only_if_it_has_one_run_that_can_be_it() {
        for (text, code) in [
            ("Code: 561166", Some("561166")),
            ("561166", Some("561166")),
            ("G-4821 is it, +998901234567 is you", Some("4821")),
            ("Ваш код 12345678.", Some("12345678")),
            ("Your number was changed", None),
            ("1234 or 5678", None),
            ("code 123", None),
            ("abc1234", None),
            ("order_1234", None),
            ("123456789", None),
        ] {
            let order = of(&json!({"to": "+1", "text": text}));
            let read = order.code().ok();
            assert_eq!(read.as_ref().map(Code::as_str), code, "{text}");
        }
    }

    #[test]
    fn a_text_is_kept_without_its_code_or_not_at_all() {
        for (code, text, template) in [
            (
                Some("561166"),
                "561166 is your code",
                Some("{code} is your code"),
            ),
            (Some("561-166"), "Enter 561-166", Some("Enter {code}")),
            (Some("561-166"), "Enter 561-166 or 561166", None),
            (Some("561166"), "Enter 561 166", None),
            (Some("561166"), "561166", None),
            (Some("561166"), "{code} is 561166", Some("(code) is {code}")),
            (Some("561166"), "a\u{7} 561166", None),
            (None, "PIN 4821!", Some("PIN {code}!")),
        ] {
            let order = of(&json!({"to": "+1", "code": code, "text": text}));
            let kept = order.template(&order.code().unwrap());
            assert_eq!(kept.as_deref(), template, "{text}");
        }
    }

    #[test]
    fn what_a_request_lacks_is_said() {
        let no_code = of(&json!({"to": "+998901234567"}));
        assert_eq!(no_code.code(), Err(Unread::NoCode));
        let long = of(&json!({"to": "+998901234567", "code": "12345678901"}));
        assert_eq!(long.code(), Err(Unread::CodeNotCarried));
        let nobody = of(&json!({"to": ["+998901234567"], "code": {"a": 1}}));
        assert_eq!(nobody.phone(), Err(Unread::NoPhone));
        assert_eq!(of(&json!([1])).phone(), Err(Unread::NoPhone));
    }
}
