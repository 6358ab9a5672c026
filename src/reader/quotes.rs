//! What is meant by a value without its quotes.

use std::ops::Range;

use toml::de::DeValue;

/// The mend for a fault at `place` in a text that is not TOML, if a value there lacks its quotes. It shows the key, but not the
/// value, which may be a secret.
pub(super) fn unquoted(text: &str, place: Range<usize>) -> Option<String> {
    const APART: &[char] = &[' ', '\t', '\n', '\r', ',', '=', '[', ']', '{', '}', '#'];
    const TRUE_LIKE: [&str; 6] = ["true", "false", "yes", "no", "on", "off"];
    let (before, after) = text.split_at_checked(place.start)?;
    let begin = before.rfind(APART).map_or(0, |at| at + 1);
    let end = place.start + after.find(APART).unwrap_or(after.len());
    let word = text.get(begin..end.max(place.end))?.trim();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let (left, _) = text.get(line..begin)?.rsplit_once('=')?;
    let key = left.trim_end().rsplit(APART).next()?;
    let is_value = !word.is_empty() && !word.contains(['"', '\'', '\n', '=']);
    if !is_value || key.is_empty() || DeValue::parse(word).is_ok() {
        return None;
    }
    let is_true_like = TRUE_LIKE
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known));
    Some(if is_true_like {
        format!("write {key} = true or {key} = false, or put quotes around a text")
    } else {
        format!("put quotes around the value: {key} = \"…\"")
    })
}
