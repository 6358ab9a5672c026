//! Forms of a number that people still write after their country changed them, each with the number that it means now.
//!
//! Only changes after which the new number is certain stand here. A rule counts if what was written is no number of
//! today's plan and its result is one (see `numbers`), so that a rule cannot take a number from anyone. Sources are the
//! national numbering plans that the ITU publishes (presentation as in E.129) and the regulators named. To add a country:
//! an arm in [`current`], with the change and its source.

/// What the national part of a number of calling code `code` means today; `None`: no rule is about it.
#[must_use]
#[expect(clippy::match_same_arms, reason = "an arm is a country")]
pub fn current(code: &str, national: &str) -> Option<String> {
    let length = national.len();
    // The trunk prefix of a country that has none any more, before a number of `length` digits.
    let without = |trunk: &str, rest: usize| {
        let number = national.strip_prefix(trunk)?;
        (number.len() == rest).then(|| number.to_owned())
    };
    let with = |prefix: &str, rest: &str| Some(format!("{prefix}{rest}"));
    match code {
        // Egypt: a digit more after the operator's code, 2011 (NTRA).
        "20" if length == 9 => {
            let new = match &national[..2] {
                "10" => "100",
                "11" => "111",
                "12" => "122",
                "14" => "114",
                "16" => "106",
                "17" => "127",
                "18" => "128",
                "19" => "109",
                _ => return None,
            };
            with(new, &national[2..])
        }
        // Greece: trunk prefix 0 abolished in 2001.
        "30" => without("0", 10),
        // Italy: mobile numbers lost their leading 0 in 2001. Landlines keep it.
        "39" if national.starts_with("03") => without("0", 9).or_else(|| without("0", 10)),
        // Poland: trunk prefix 0 abolished in 2005, dialling ended 2010.
        "48" => without("0", 9),
        // Mexico: the 1 of mobiles and the prefixes 044 and 045 ended in 2019 (IFT).
        "52" => ["1", "044", "045", "01"]
            .iter()
            .find_map(|old| without(old, 10)),
        // Brazil: a 9 before mobiles of eight digits, finished in 2016 (Anatel resolution 553).
        "55" if length == 10 && matches!(&national[2..3], "6" | "8" | "9") => {
            with(&national[..2], &format!("9{}", &national[2..]))
        }
        // Chile: trunk prefix 0 before mobiles, until 2016 (Subtel).
        "56" => without("0", 9),
        // Vietnam: mobiles of eleven digits became ten in 2018 (Ministry of Information and Communications, decision 798).
        "84" if length == 10 => {
            let new = match &national[..3] {
                "120" => "70",
                "121" => "79",
                "122" => "77",
                "126" => "76",
                "128" => "78",
                "123" => "83",
                "124" => "84",
                "125" => "85",
                "127" => "81",
                "129" => "82",
                "162" => "32",
                "163" => "33",
                "164" => "34",
                "165" => "35",
                "166" => "36",
                "167" => "37",
                "168" => "38",
                "169" => "39",
                "186" => "56",
                "188" => "58",
                "199" => "59",
                _ => return None,
            };
            with(new, &national[3..])
        }
        // Côte d'Ivoire: eight digits became ten in 2021; the second digit named the operator (ARTCI; ITU Operational
        // Bulletin 1213).
        "225" if length == 8 && !matches!(&national[..1], "2" | "3") => match &national[1..2] {
            "0" | "1" | "2" | "3" => with("01", national),
            "4" | "5" | "6" => with("05", national),
            "7" | "8" | "9" => with("07", national),
            _ => None,
        },
        // Benin: 01 before all numbers since 2024 (ARCEP Benin).
        "229" if length == 8 => with("01", national),
        // Mauritius: a 5 before mobiles since 2013 (ICTA).
        "230" if length == 7 => with("5", national),
        // Cameroon: a 6 before mobiles since 2014 (ART).
        "237" if length == 8 && matches!(&national[..1], "5" | "6" | "7" | "8" | "9") => {
            with("6", national)
        }
        // Portugal: trunk prefix 0 abolished in 1999.
        "351" => without("0", 9),
        // Lithuania: trunk prefix 8, then 0 (RRT).
        "370" => without("8", 8).or_else(|| without("0", 8)),
        // Latvia: trunk prefix 8 abolished in 2008.
        "371" => without("8", 8),
        // Estonia: trunk prefix 8 abolished in 2003.
        "372" => ["8", "0"]
            .iter()
            .find_map(|old| without(old, 8).or_else(|| without(old, 7))),
        // Czechia: trunk prefix 0 abolished in 2002.
        "420" => without("0", 9),
        // Uzbekistan: trunk prefix 8, before it 0.
        "998" => ["8", "0"].iter().find_map(|old| without(old, 9)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_gives_a_number_of_todays_length() {
        for (code, written, meant) in [
            ("30", "06971234567", "6971234567"),
            ("39", "03331234567", "3331234567"),
            ("48", "0500000000", "500000000"),
            ("52", "15512345678", "5512345678"),
            ("52", "0445512345678", "5512345678"),
            ("55", "1181234567", "11981234567"),
            ("84", "1621234567", "321234567"),
            ("225", "07123456", "0707123456"),
            ("225", "44123456", "0544123456"),
            ("225", "01123456", "0101123456"),
            ("229", "97000000", "0197000000"),
            ("237", "71234567", "671234567"),
            ("351", "0912345678", "912345678"),
            ("370", "861234567", "61234567"),
            ("371", "821234567", "21234567"),
            ("372", "855512345", "55512345"),
            ("420", "0601123456", "601123456"),
            ("998", "8901234567", "901234567"),
        ] {
            assert_eq!(
                current(code, written).as_deref(),
                Some(meant),
                "+{code} {written}"
            );
        }
        for (code, national) in [
            ("44", "7700900123"),
            ("48", "500000000"),
            ("225", "22123456"),
            ("55", "1131234567"),
        ] {
            assert_eq!(current(code, national), None, "+{code} {national}");
        }
    }
}
