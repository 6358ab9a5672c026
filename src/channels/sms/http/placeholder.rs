//! The placeholders `{…}` in a provider's URL, headers and body.

/// Braces around anything but a plain word are not a placeholder, so JSON within a form field stays as it is.
const KNOWN: [&str; 6] = [
    "to",
    "to_digits",
    "code",
    "text",
    "attempt_id",
    "callback_url",
];

/// The placeholders that the texts of one provider use.
#[derive(Default)]
pub(super) struct Placeholders {
    used: Vec<&'static str>,
}

impl Placeholders {
    /// Notes the placeholders of `text`; the unknown ones are the fault. When the text is `secret`, it does not quote them.
    pub(super) fn note(&mut self, text: &str, secret: bool) -> Result<(), String> {
        let mut unknown = Vec::new();
        for word in words(text) {
            match KNOWN.iter().find(|known| **known == word) {
                Some(known) => self.used.push(known),
                None => unknown.push(format!("`{{{word}}}`")),
            }
        }
        let known: Vec<String> = KNOWN.iter().map(|name| format!("{{{name}}}")).collect();
        let known = known.join(", ");
        match unknown.first() {
            None => Ok(()),
            Some(_) if secret => Err(format!(
                "holds an unknown placeholder in braces; known: {known}"
            )),
            Some(_) => Err(format!(
                "{} is not a placeholder; known: {known}",
                unknown.join(", ")
            )),
        }
    }

    pub(super) fn uses(&self, name: &str) -> bool {
        self.used.contains(&name)
    }

    /// A message needs a recipient and a text.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if !self.uses("to") && !self.uses("to_digits") {
            missing.push(
                "{to} or {to_digits} is missing, so the provider would not know the recipient",
            );
        }
        if !self.uses("text") && !self.uses("code") {
            missing.push("{text} or {code} is missing, so the message would carry no code");
        }
        missing
    }
}

/// The plain words in braces.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(word, _)| word))
        .filter(|word| {
            let letters = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            letters && word.bytes().next().is_some_and(|b| !b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_around_anything_but_a_word_are_left_alone() {
        let found: Vec<&str> =
            words(r#"{"a":{"to":"{to}"}} {} {1} { x } {{code}} {text"#).collect();
        assert_eq!(found, ["to", "code"]);
    }
}
