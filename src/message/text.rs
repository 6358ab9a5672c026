//! Chooses, renders and checks texts. To add a language: a line in `TEXTS`, and its countries in `COUNTRIES`.

use std::collections::BTreeMap;

use super::{Wording, segments};

/// A project's own texts by language tag.
pub type Templates = BTreeMap<String, String>;

/// Default texts by language. Each fits in one segment: Cyrillic in UCS-2, the others in GSM-7.
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

/// The countries where each language is the default; all others get English.
#[rustfmt::skip]
const COUNTRIES: &[(&str, &[&str])] = &[
    ("de", &["AT", "CH", "DE", "LI"]),
    ("es", &["AR", "BO", "CL", "CO", "CR", "CU", "DO", "EC", "ES", "GT", "HN", "MX", "NI", "PA", "PE", "PY", "SV", "UY", "VE"]),
    ("fr", &["BJ", "CD", "CG", "CI", "FR", "GA", "GN", "MC", "ML", "NE", "SN", "TG"]),
    ("it", &["IT", "SM", "VA"]),
    ("kk", &["KZ"]),
    ("ru", &["BY", "KG", "RU", "TJ"]),
    ("tr", &["TR"]),
    ("uz", &["UZ"]),
];

/// In characters.
const LONGEST: usize = 1_000;
const CODE: &str = "{code}";
const MINUTES: &str = "{minutes}";
const BRAND: &str = "{brand}";

/// Of a brand, in characters.
pub const LONGEST_BRAND: usize = 30;

/// Chooses the text before the first send, so that all messages of a verification have the same text.
///
/// The language is the requested one, else that of `country`, an ISO 3166 code. For each tag from long to short (RFC
/// 4647, section 3.4: `pt-BR`, then `pt`), the project's own text comes before the default text; if no tag has either,
/// the text is English. `brand` is the name for which `{brand}` stands. A text that the request brought stays, and
/// a whole message needs none.
#[must_use]
pub fn choose(
    wording: Wording,
    own: &Templates,
    country: &str,
    ttl: std::time::Duration,
    brand: &str,
) -> Wording {
    if wording.template.is_some() || wording.is_message {
        return wording;
    }
    let asked = wording
        .locale
        .clone()
        .unwrap_or_else(|| language_of(country).to_owned());
    let (locale, template) = look_up(&asked, own).unwrap_or_else(|| {
        let english = look_up("en", own);
        english.unwrap_or_else(|| (TEXTS[0].0.to_owned(), None))
    });
    let minutes = (ttl.as_secs() / 60).max(1).to_string();
    Wording {
        locale: Some(locale),
        template: template.map(|text| text.replace(MINUTES, &minutes).replace(BRAND, brand)),
        ..wording
    }
}

/// The closest tag that has a text; the text itself only if it is the project's own.
fn look_up(asked: &str, own: &Templates) -> Option<(String, Option<String>)> {
    let mut tag = asked;
    loop {
        let found = own
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(tag));
        if let Some((known, text)) = found {
            return Some((known.clone(), Some(text.clone())));
        }
        if let Some((known, _)) = TEXTS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(tag))
        {
            return Some(((*known).to_owned(), None));
        }
        let (shorter, _) = tag.rsplit_once('-')?;
        // A single-character subtag only introduces the subtag just removed, so remove it too.
        tag = match shorter.rsplit_once('-') {
            Some((before, single)) if single.len() == 1 => before,
            _ => shorter,
        };
    }
}

fn language_of(country: &str) -> &'static str {
    let spoken = COUNTRIES
        .iter()
        .find(|(_, countries)| countries.contains(&country));
    spoken.map_or(TEXTS[0].0, |(language, _)| language)
}

/// A whole message as it is; otherwise the chosen text with the code, followed by the line that lets a browser (WebOTP) or an Android
/// app (SMS Retriever) fill in the code.
#[must_use]
pub fn render(code: &str, wording: &Wording) -> String {
    if wording.is_message {
        return code.to_owned();
    }
    let template = wording
        .template
        .as_deref()
        .unwrap_or_else(|| default_text(wording.locale.as_deref()));
    let mut text = template.replace(CODE, code);
    // Each line must be the last one, so only one is possible; a request from an app does not come from a web page.
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

fn default_text(locale: Option<&str>) -> &'static str {
    let language = locale
        .and_then(|locale| locale.split('-').next())
        .unwrap_or_default();
    let known = TEXTS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(language));
    known.unwrap_or(&TEXTS[0]).1
}

/// Whether a name may stand for `{brand}`: one line without braces, and without digits that could be taken for a code.
#[must_use]
pub fn is_brand(text: &str) -> bool {
    let is_plain = |c: char| {
        !c.is_control()
            && !matches!(c, '{' | '}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut digits = 0;
    let mut has_code = false;
    for c in text.chars() {
        digits = if c.is_numeric() { digits + 1 } else { 0 };
        has_code |= digits >= 4;
    }
    text.chars().count() <= LONGEST_BRAND && text.chars().all(is_plain) && !has_code
}

/// Whether a text is an app's hash for Android's SMS Retriever.
#[must_use]
pub fn is_app_hash(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() == 11 && bytes.all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
}

/// Whether a text is a language tag as in `Accept-Language`: `ru`, `pt-BR`, `zh-Hant-TW`.
#[must_use]
pub fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or("");
    text.len() <= 35
        && (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

/// The language tag that a platform's name of a locale means: `ru_RU.UTF-8`, `sr_RS@latin`, the header
/// `pt-BR,pt;q=0.9`. `None`: it names no language.
#[must_use]
pub fn locale_of(text: &str) -> Option<String> {
    let end = text.find([',', ';', '.', '@']).unwrap_or(text.len());
    let tag = text[..end].trim().replace('_', "-");
    is_locale(&tag).then_some(tag)
}

/// Checks a project's own text. Segments are counted with an eight-digit code and without the autofill line, which only
/// some requests ask for.
pub fn check(template: &str, max_segments: u32) -> Result<(), String> {
    if template.chars().count() > LONGEST {
        return Err(format!("is longer than {LONGEST} characters"));
    }
    if template.chars().any(|c| c.is_control() && c != '\n') {
        return Err("must not contain control characters".to_owned());
    }
    let known = [CODE, MINUTES, BRAND];
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let from = &rest[at..];
        let Some(placeholder) = known.iter().find(|known| from.starts_with(**known)) else {
            let end = from.find('}').map_or(from.len(), |end| end + 1);
            let written: String = from[..end].chars().take(40).collect();
            return Err(format!(
                "contains `{written}`; the placeholders are {CODE}, {MINUTES} and {BRAND}"
            ));
        };
        rest = &from[placeholder.len()..];
    }
    if !template.contains(CODE) {
        return Err(format!("lacks {CODE}, so no code would be sent"));
    }
    let longest = template
        .replace(CODE, "88888888")
        .replace(MINUTES, "1440")
        .replace(BRAND, &"x".repeat(LONGEST_BRAND));
    let (encoding, count) = segments::count(&longest);
    if count > max_segments {
        return Err(format!(
            "takes {count} segments in {}, and max_segments is {max_segments}; shorten it, avoid letters that GSM-7 lacks, \
             or raise max_segments",
            encoding.as_str()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wording(locale: Option<&str>, web_domain: Option<&str>) -> Wording {
        Wording {
            locale: locale.map(str::to_owned),
            web_domain: web_domain.map(str::to_owned),
            ..Wording::default()
        }
    }

    fn chosen(locale: Option<&str>, country: &str, own: &[(&str, &str)]) -> String {
        let own = own
            .iter()
            .map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned()))
            .collect();
        let ttl = std::time::Duration::from_mins(10);
        let wording = choose(wording(locale, None), &own, country, ttl, "Shop");
        render("1234", &wording)
    }

    #[test]
    fn every_default_text_holds_the_code_and_costs_one_segment_even_with_a_web_line() {
        for (language, text) in TEXTS {
            let written = render("12345678", &wording(Some(language), Some("shop.example")));
            assert!(
                written.contains("12345678\n\n@shop.example #12345678"),
                "{written}"
            );
            assert_eq!(segments::count(&written).1, 1, "{written}");
            assert_eq!(check(text, 1), Ok(()));
            assert!(is_locale(language));
        }
    }

    #[test]
    fn locales_are_read_as_platforms_write_them() {
        for (text, tag) in [
            ("ru", "ru"),
            ("ru_RU", "ru-RU"),
            ("ru_RU.UTF-8", "ru-RU"),
            (" zh_Hans_CN\n", "zh-Hans-CN"),
            ("sr_RS@latin", "sr-RS"),
            ("en-US,en;q=0.9,de;q=0.8", "en-US"),
        ] {
            assert_eq!(locale_of(text).as_deref(), Some(tag), "{text}");
        }
        for text in ["", "C", "POSIX", "*", "русский", "ru RU", "_", "ru--RU"] {
            assert_eq!(locale_of(text), None, "{text}");
        }
    }

    #[test]
    fn the_language_is_the_one_asked_for_then_the_countrys_then_english() {
        assert_eq!(chosen(Some("RU-kz"), "UZ", &[]), "Ваш код: 1234");
        assert_eq!(chosen(Some("ja"), "UZ", &[]), "Your code is 1234");
        assert_eq!(chosen(None, "UZ", &[]), "Kodingiz: 1234");
        assert_eq!(chosen(None, "AT", &[]), "Ihr Code lautet 1234");
        assert_eq!(chosen(None, "GB", &[]), "Your code is 1234");
        for (language, countries) in COUNTRIES {
            assert!(TEXTS.iter().any(|(known, _)| known == language));
            assert!(
                countries
                    .iter()
                    .all(|code| code.parse::<crate::verification::phone::Country>().is_ok())
            );
        }
    }

    #[test]
    fn a_projects_own_text_goes_before_the_default_of_its_language() {
        let own = [
            ("en", "Shop: {code}"),
            ("pt", "{brand}: {code}, {minutes} min"),
            ("zh-Hant", "碼 {code}"),
        ];
        assert_eq!(chosen(Some("pt-BR"), "BR", &own), "Shop: 1234, 10 min");
        assert_eq!(chosen(Some("zh-hant-x-y"), "TW", &own), "碼 1234");
        assert_eq!(chosen(Some("ja"), "JP", &own), "Shop: 1234");
        // A visitor who asked for a language gets it.
        assert_eq!(chosen(Some("de"), "DE", &own), "Ihr Code lautet 1234");
    }

    #[test]
    fn a_brand_cannot_pass_for_a_code_or_bring_one() {
        for good in ["", "Shop", "24/7 Кафе", "Ünïted 365"] {
            assert!(is_brand(good), "{good}");
        }
        let long = "x".repeat(31);
        for bad in ["X 999999", "{code}", "a\nb", "a\u{202e}b", "٩٩٩٩", &*long] {
            assert!(!is_brand(bad), "{bad}");
        }
    }

    #[test]
    fn a_text_is_refused_with_what_is_wrong_and_what_to_write() {
        for (text, said) in [
            ("Hello", "lacks {code}"),
            ("{code} {name}", "contains `{name}`"),
            ("{code", "contains `{code`"),
            ("code} {code}", "contains `}`"),
            ("{code}\u{7}", "control characters"),
            (&"a".repeat(1_001), "longer than 1000"),
            (
                &format!("{{code}}{}", "я".repeat(63)),
                "2 segments in UCS-2",
            ),
            (
                &format!("{{code}}{}", "a".repeat(153)),
                "2 segments in GSM-7",
            ),
        ] {
            let fault = check(text, 1).unwrap_err();
            assert!(fault.contains(said), "{fault}");
        }
        assert_eq!(check(&format!("{{code}}{}", "я".repeat(63)), 2), Ok(()));
        assert_eq!(check("Shop: {code}\nfor {minutes} min", 1), Ok(()));
    }
}
