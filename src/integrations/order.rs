//! What an identity server wants to have delivered: a number, the code that it made or a text without one, and what it tells
//! besides.

use std::time::Duration;

use serde_json::{Number, Value};

use crate::verification::code::Code;
use crate::verification::digits::fold;

/// As the request says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub phone: Option<String>,
    pub code: Option<String>,
    /// The whole message.
    pub text: Option<String>,
    /// An address, in place of a code.
    pub link: Option<String>,
    /// The same in each try of one request.
    pub id: Option<String>,
    /// A language tag.
    pub locale: Option<String>,
    /// The visitor's address.
    pub ip: Option<String>,
    /// How long the code is good.
    pub ttl: Option<Duration>,
}

/// What the visitor is to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Code(Code),
    /// A text that is delivered as it is.
    Message(String),
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
    #[error("the text holds control characters")]
    NotPlain,
}

impl Order {
    /// The number as the server writes it.
    pub fn phone(&self) -> Result<&str, Unread> {
        self.phone.as_deref().ok_or(Unread::NoPhone)
    }

    /// The code; without one, the only run of 4 to 8 digits of the text; without one such run, the text.
    pub fn content(&self) -> Result<Content, Unread> {
        if let Some(code) = &self.code {
            let code = Code::parse_outside(&fold(code)).ok_or(Unread::CodeNotCarried)?;
            return Ok(Content::Code(code));
        }
        if let Some(link) = self.link.as_deref().filter(|_| self.text.is_none()) {
            return message(link);
        }
        let text = self.text.as_deref().ok_or(Unread::NoCode)?.trim();
        let digits: String = text.chars().map(digit).collect();
        let mut runs = runs(&digits);
        match (runs.next().and_then(Code::parse), runs.next()) {
            (Some(only), None) => Ok(Content::Code(only)),
            _ if text.is_empty() => Err(Unread::NoCode),
            _ => message(text),
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
        // Nor may the code be left in it in another way of writing.
        let left: String = fold(&template.replace("{code}", " "))
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        let is_told = template.contains("{code}") && !left.contains(&code.as_str().to_lowercase());
        let is_alone = template == "{code}";
        (is_told && !is_alone && is_plain(&template)).then_some(template)
    }
}

fn message(text: &str) -> Result<Content, Unread> {
    let plain = Some(text).filter(|text| is_plain(text));
    let text = plain.ok_or(Unread::NotPlain)?;
    Ok(Content::Message(text.to_owned()))
}

/// Without control characters, except for lines and tabs.
fn is_plain(text: &str) -> bool {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    !text.chars().any(is_odd)
}

/// A digit of any script as ASCII has it; anything else as it is.
fn digit(c: char) -> char {
    if c.is_ascii() || !c.is_numeric() {
        return c;
    }
    let folded = fold(c.encode_utf8(&mut [0; 4]));
    folded.chars().find(char::is_ascii_digit).unwrap_or(c)
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
        Value::Number(number) => whole(number),
        _ => None,
    }
}

/// A whole number in plain digits, however JSON writes it.
fn whole(number: &Number) -> Option<String> {
    if number.is_u64() || number.is_i64() {
        return Some(number.to_string());
    }
    let number = number.as_f64()?;
    let is_whole = number.fract() == 0.0 && (0.0..1e15).contains(&number);
    is_whole.then(|| format!("{number:.0}"))
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

    fn code(order: &Order) -> Result<Code, Unread> {
        match order.content()? {
            Content::Code(code) => Ok(code),
            Content::Message(_) => Err(Unread::NoCode),
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
            ("الرمز ٥٦١١٦٦", Some("561166")),
        ] {
            let order = of(&json!({"to": "+1", "text": text}));
            let message = || Content::Message(text.to_owned());
            let expected =
                code.map_or_else(message, |code| Content::Code(Code::parse(code).unwrap()));
            assert_eq!(order.content(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_text_is_kept_without_its_code_or_not_at_all() {
        for (sent, text, template) in [
            (
                Some("561166"),
                "561166 is your code",
                Some("{code} is your code"),
            ),
            (Some("561-166"), "Enter 561-166", Some("Enter {code}")),
            (Some("561-166"), "Enter 561-166 or 561166", None),
            (Some("561166"), "Enter 561 166", None),
            (Some("561166"), "561166, or 561-166", None),
            (Some("561166"), "561166, (\u{ff15} 6 1 1 6 6)", None),
            (Some("abcd12"), "abcd12 or AbCd12", None),
            (Some("561166"), "561166", None),
            (Some("561166"), "{code} is 561166", Some("(code) is {code}")),
            (Some("561166"), "a\u{7} 561166", None),
            (None, "PIN 4821!", Some("PIN {code}!")),
        ] {
            let order = of(&json!({"to": "+1", "code": sent, "text": text}));
            let kept = order.template(&code(&order).unwrap());
            assert_eq!(kept.as_deref(), template, "{text}");
        }
    }

    #[test]
    fn what_a_request_lacks_is_said() {
        let no_code = of(&json!({"to": "+998901234567"}));
        assert_eq!(no_code.content(), Err(Unread::NoCode));
        let long = of(&json!({"to": "+998901234567", "code": "12345678901"}));
        assert_eq!(long.content(), Err(Unread::CodeNotCarried));
        let nobody = of(&json!({"to": ["+998901234567"], "code": {"a": 1}}));
        assert_eq!(nobody.phone(), Err(Unread::NoPhone));
        for (number, expected) in [
            ("561166.0", "561166"),
            ("5.61166e5", "561166"),
            ("0123", ""),
        ] {
            let body = format!(r#"{{"to":"+1","code":{number}}}"#);
            let read = serde_json::from_str(&body).map(|body| code(&of(&body)));
            let read = read.ok().and_then(Result::ok);
            assert_eq!(read.as_ref().map_or("", Code::as_str), expected, "{number}");
        }
        let broken = of(&json!({"to": 4_915_112_345_678.5_f64, "code": 561_166.5}));
        assert_eq!((broken.phone, broken.code), (None, None));
        assert_eq!(of(&json!([1])).phone(), Err(Unread::NoPhone));
    }
}
