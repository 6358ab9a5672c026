//! How many segments a text takes, which is what it costs (3GPP TS 23.038 and 23.040).

/// The characters of the GSM 7-bit default alphabet; each takes one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Those of its extension; each takes two.
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

/// The encoding that a text needs and its number of segments.
///
/// GSM-7: 160 septets alone, 153 each when joined. UCS-2: 70 UTF-16 units alone, 67 joined. A pair is not torn apart, neither
/// an escape from its character nor a surrogate from its other half.
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
            // 76 pairs fit in 153 septets: the 77th is not torn apart.
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
