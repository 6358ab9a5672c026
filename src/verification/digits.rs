//! Normalises digits from keyboards and clipboards. To support another script: its zero in `ZEROS`.

/// The digit zero of Arabic, Persian, Devanagari, Bengali and full-width digits; 1 to 9 follow it.
const ZEROS: [u32; 5] = [0x0660, 0x06f0, 0x0966, 0x09e6, 0xff10];

/// Converts these digits and the full-width plus sign to ASCII. Removes invisible characters (direction marks,
/// zero-width characters) and separators (spaces, hyphens, dots, brackets).
#[must_use]
pub fn fold(text: &str) -> String {
    text.chars().filter(|c| !is_noise(*c)).map(ascii).collect()
}

fn ascii(c: char) -> char {
    let digit = |zero: &u32| u32::from(c).checked_sub(*zero).filter(|digit| *digit < 10);
    match ZEROS.iter().find_map(digit) {
        Some(digit) => char::from_digit(digit, 10).unwrap_or(c),
        None if c == '\u{ff0b}' => '+',
        None => c,
    }
}

fn is_noise(c: char) -> bool {
    matches!(
        c,
        ' ' | '-' | '.' | '(' | ')' | '\u{a0}' | '\u{202f}' | '\u{2010}'..='\u{2013}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts_and_invisible_marks_are_folded() {
        assert_eq!(
            fold("\u{202a}+998 (90) 123\u{2011}45-67\u{202c}"),
            "+998901234567"
        );
        assert_eq!(fold("\u{ff0b}\u{ff19}\u{ff19}\u{ff18}"), "+998");
        assert_eq!(fold("\u{664}\u{6f2}\u{966}"), "420");
        assert_eq!(fold("12a٫4"), "12a٫4");
    }
}
