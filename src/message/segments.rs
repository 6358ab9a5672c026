//! Counts the SMS segments of a text, which determine its price (3GPP TS 23.038 and 23.040).

/// Characters of the GSM 7-bit default alphabet; one septet each.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Characters of its extension table; two septets each.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gsm7,
    Ucs2,
}

impl Encoding {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }
}

/// The encoding that a text needs, and its number of segments.
///
/// GSM-7: 160 septets in a single segment, 153 in each of several. UCS-2: 70 or 67 UTF-16 units. An escape sequence or
/// surrogate pair is never split between segments.
#[must_use]
pub fn count(text: &str) -> (Encoding, u32) {
    let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
    if let Some(sizes) = septets {
        (Encoding::Gsm7, parts(&sizes, 160, 153))
    } else {
        let sizes: Vec<usize> = text.chars().map(char::len_utf16).collect();
        (Encoding::Ucs2, parts(&sizes, 70, 67))
    }
}

fn septets(c: char) -> Option<usize> {
    if c.is_ascii_alphanumeric() || BASIC.contains(c) {
        Some(1)
    } else {
        EXTENSION.contains(c).then_some(2)
    }
}

fn parts(sizes: &[usize], alone: usize, joined: usize) -> u32 {
    if sizes.iter().sum::<usize>() <= alone {
        return 1;
    }
    let (mut parts, mut used) = (1, 0);
    for size in sizes {
        if used + size > joined {
            parts += 1;
            used = 0;
        }
        used += size;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_as_networks_bill_them() {
        use Encoding::{Gsm7, Ucs2};
        for (text, expected) in [
            (String::new(), (Gsm7, 1)),
            ("a".repeat(160), (Gsm7, 1)),
            ("a".repeat(161), (Gsm7, 2)),
            ("a".repeat(306), (Gsm7, 2)),
            ("a".repeat(307), (Gsm7, 3)),
            ("€".repeat(80), (Gsm7, 1)),
            ("€".repeat(81), (Gsm7, 2)),
            // 76 escape sequences fit in 153 septets: the 77th is not split.
            ("€".repeat(153), (Gsm7, 3)),
            ("я".repeat(70), (Ucs2, 1)),
            ("я".repeat(71), (Ucs2, 2)),
            ("я".repeat(135), (Ucs2, 3)),
            ("😀".repeat(35), (Ucs2, 1)),
            ("😀".repeat(67), (Ucs2, 3)),
            ("o\u{2bb}zbek".to_owned(), (Ucs2, 1)),
            ("o'zbek".to_owned(), (Gsm7, 1)),
            ("á".to_owned(), (Ucs2, 1)),
        ] {
            assert_eq!(
                count(&text),
                expected,
                "{} characters of {:?}",
                text.chars().count(),
                text.chars().next()
            );
        }
    }
}
