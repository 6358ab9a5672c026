//! Folds what people type, paste and forward to plain digits, by the properties that Unicode gives each character.

use std::sync::LazyLock;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::props::{Dash, DefaultIgnorableCodePoint, GeneralCategory, WhiteSpace};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Converts decimal digits of all scripts and forms such as the full-width plus sign to ASCII. Removes what separates or
/// decorates digits and what is not seen: white space, dashes, brackets, quotes, dots, slashes, format and ignorable characters,
/// enclosing marks. Everything else stays, so that what is no number does not become one.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut before = None;
    for c in text.chars() {
        let c = plain(c);
        let after_digit = before.is_some_and(|c: char| c.is_ascii_digit());
        if is_noise(c) || (after_digit && is_prolonged_sound(c)) {
            continue;
        }
        folded.push(c);
        before = Some(c);
    }
    folded
}

/// A digit as its ASCII digit; a compatibility form of ASCII punctuation as that.
fn plain(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    if let Some(digit) = digit(c) {
        return digit;
    }
    let normalizer = const { DecomposingNormalizerBorrowed::new_nfkd() };
    let mut forms = normalizer.normalize_iter(std::iter::once(c));
    match (forms.next(), forms.next()) {
        (Some(form), None) if form.is_ascii_punctuation() => form,
        _ => c,
    }
}

/// The value of a decimal digit (general category Nd) of any script. Each script's digits, 0 to 9, are a run of code points.
fn digit(c: char) -> Option<char> {
    static RUNS: LazyLock<Vec<(u32, u32)>> = LazyLock::new(|| {
        let map = CodePointMapData::<GeneralCategory>::new();
        let runs = map.iter_ranges_for_value(GeneralCategory::DecimalNumber);
        runs.map(|run| (*run.start(), *run.end())).collect()
    });
    let point = u32::from(c);
    let at = RUNS.partition_point(|(_, last)| *last < point);
    let (first, _) = RUNS.get(at).filter(|(first, _)| *first <= point)?;
    char::from_digit((point - first) % 10, 10)
}

fn is_noise(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_whitespace()
            || c.is_ascii_control()
            || matches!(
                c,
                '-' | '.' | '/' | '(' | ')' | '[' | ']' | '~' | '"' | '\''
            );
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    matches!(
        category,
        GeneralCategory::EnclosingMark
            | GeneralCategory::OpenPunctuation
            | GeneralCategory::ClosePunctuation
            | GeneralCategory::InitialPunctuation
            | GeneralCategory::FinalPunctuation
    ) || is_unseen(c)
        || CodePointSetData::new::<Dash>().contains(c)
        || is_dot(c)
}

/// White space, control and format characters, and those that Unicode calls ignorable.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    matches!(category, GeneralCategory::Format | GeneralCategory::Control)
        || CodePointSetData::new::<WhiteSpace>().contains(c)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Dots, slashes and blanks that are written between groups of digits, and have no property in common.
fn is_dot(c: char) -> bool {
    matches!(
        c,
        '\u{b7}'
            | '\u{387}'
            | '\u{2022}'
            | '\u{2024}'
            | '\u{2027}'
            | '\u{2219}'
            | '\u{22c5}'
            | '\u{3002}'
            | '\u{30fb}'
            | '\u{ff61}'
            | '\u{ff65}'
            | '\u{2044}'
            | '\u{2215}'
            | '\u{2800}'
    )
}

/// Japanese keyboards offer it for a dash. It is a letter, so it counts as one only after a digit.
fn is_prolonged_sound(c: char) -> bool {
    matches!(c, '\u{30fc}' | '\u{ff70}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_of_other_scripts_and_invisible_marks_are_folded() {
        for (text, folded) in [
            (
                "\u{202a}+998 (90) 123\u{2011}45-67\u{202c}",
                "+998901234567",
            ),
            ("\u{ff0b}\u{ff19}\u{ff19}\u{ff18}", "+998"),
            ("\u{664}\u{6f2}\u{966}", "420"),
            ("\u{1d7ce}\u{1d7d9}\u{1d7ff}\u{1fbf3}", "0193"),
            ("1\u{fe0f}\u{20e3}2\u{fe0f}\u{20e3}", "12"),
            (
                "\u{ff0b}44\u{30fc}7700\u{30fc}900\u{ff0d}123",
                "+447700900123",
            ),
            ("+1\u{2212}202\u{301c}555\u{2e3a}0123", "+12025550123"),
            ("+1/202\u{b7}555\u{30fb}0123", "+12025550123"),
            ("+1 202\u{ad}555\u{3164}0123\u{e0020}", "+12025550123"),
            ("\u{fe62}1\u{2007}202\u{2029}555\t0123\r\n", "+12025550123"),
            ("\u{ff08}090\u{ff09}", "090"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_decoration_stays() {
        for text in [
            "12a4",
            "12\u{66b}4",
            "\u{bd}",
            "\u{b2}",
            "\u{2460}",
            "1,2",
            "\u{30fc}",
            "1;ext=2",
            "1#2",
            "++1",
        ] {
            assert_eq!(fold(text), text, "{text:?}");
        }
    }

    /// A character that may stand anywhere in a number.
    fn decoration() -> impl Strategy<Value = char> {
        any::<char>().prop_filter("decorates", |c| fold(&c.to_string()).is_empty())
    }

    proptest! {
        #[test]
        fn decorations_anywhere_and_digits_of_any_script_fold_to_the_same(
            digits in proptest::collection::vec((0_u32..10, prop_oneof![Just(0x30_u32), Just(0xff10), Just(0x660), Just(0x1d7e2), Just(0x11066)]), 4..15),
            noise in proptest::collection::vec(decoration(), 1..30),
        ) {
            let plain: String = digits.iter().filter_map(|(digit, _)| char::from_digit(*digit, 10)).collect();
            let mut typed = String::new();
            let mut noise = noise.into_iter().cycle();
            for (digit, zero) in digits {
                typed.extend(noise.next());
                typed.extend(char::from_u32(zero + digit));
            }
            typed.extend(noise.next());
            prop_assert_eq!(fold(&typed), plain);
        }

        #[test]
        fn folding_twice_changes_nothing(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
