//! SMS: the text, what it costs, and the kinds of provider that carry it.
//!
//! To add a kind: a file here with its settings, and a variant in the configuration's `SmsKind` that `app` builds it from.

pub mod http;
pub mod twilio;

/// `application/x-www-form-urlencoded`, as browsers write it.
fn form_pairs(form: &[u8]) -> Vec<(String, String)> {
    let decode = |part: &[u8]| {
        let mut out = Vec::with_capacity(part.len());
        let mut rest = part;
        while let [first, tail @ ..] = rest {
            rest = tail;
            match (first, tail) {
                (b'+', _) => out.push(b' '),
                (b'%', [high, low, after @ ..]) => {
                    let digit = |d: &u8| {
                        char::from(*d)
                            .to_digit(16)
                            .and_then(|d| u8::try_from(d).ok())
                    };
                    if let (Some(high), Some(low)) = (digit(high), digit(low)) {
                        out.push(high * 16 + low);
                        rest = after;
                    } else {
                        out.push(b'%');
                    }
                }
                (other, _) => out.push(*other),
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    form.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(place) => (decode(&pair[..place]), decode(&pair[place + 1..])),
            None => (decode(pair), String::new()),
        })
        .collect()
}
