//! What an SMS says.

use crate::verification::Wording;
use crate::verification::code::Code;

/// The default text by language. Each fits one segment; those in Cyrillic need UCS-2, the others stay within GSM-7.
const TEXTS: &[(&str, &str)] = &[
    ("en", "Your code is {code}"),
    ("de", "Ihr Code lautet {code}"),
    ("es", "Su clave es {code}"),
    ("fr", "Votre code est {code}"),
    ("it", "Il tuo codice è {code}"),
    ("kk", "Кодыңыз: {code}"),
    ("ru", "Ваш код: {code}"),
    ("tr", "Kodunuz: {code}"),
    ("uz", "Kodingiz: {code}"),
];

/// The default text in the language that was asked for, English where there is none, then the line that lets a browser
/// (WebOTP, WICG) or an Android app (SMS Retriever) fill the code in.
#[must_use]
pub fn render(code: &Code, wording: &Wording) -> String {
    let code = code.as_str();
    let mut text = template(wording.locale.as_deref()).replace("{code}", code);
    // Both lines must be the last: an app that asks for its hash is not a web page.
    if let Some(hash) = &wording.android_app_hash {
        text.push_str("\n\n");
        text.push_str(hash);
    } else if let Some(domain) = &wording.web_domain {
        text.push_str("\n\n@");
        text.push_str(domain);
        text.push_str(" #");
        text.push_str(code);
    }
    text
}

fn template(locale: Option<&str>) -> &'static str {
    let language = locale
        .and_then(|locale| locale.split('-').next())
        .unwrap_or_default();
    let known = TEXTS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(language));
    known.unwrap_or(&TEXTS[0]).1
}

#[cfg(test)]
mod tests {
    use super::super::segments;
    use super::*;

    fn wording(locale: &str, web_domain: Option<&str>) -> Wording {
        Wording {
            locale: Some(locale.to_owned()),
            web_domain: web_domain.map(str::to_owned),
            android_app_hash: None,
        }
    }

    #[test]
    fn every_default_text_holds_the_code_and_costs_one_segment_even_with_a_web_line() {
        let code = Code::parse("12345678").unwrap();
        for (language, _) in TEXTS {
            let text = render(&code, &wording(language, Some("shop.example")));
            assert!(
                text.contains("12345678\n\n@shop.example #12345678"),
                "{text}"
            );
            assert_eq!(segments::count(&text).1, 1, "{text}");
        }
    }

    #[test]
    fn a_region_does_not_matter_and_an_unknown_language_is_told_in_english() {
        let code = Code::parse("1234").unwrap();
        assert_eq!(render(&code, &wording("RU-kz", None)), "Ваш код: 1234");
        assert_eq!(render(&code, &wording("ja", None)), "Your code is 1234");
    }
}
