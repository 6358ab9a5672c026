//! Forms, as browsers write them (WHATWG URL, section 5).

use crate::channels::CallbackError;
use crate::json::given_twice;

/// The pairs of `application/x-www-form-urlencoded`, decoded.
pub fn pairs(form: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(form).into_owned().collect()
}

/// A report that names a field twice says two things.
pub fn refuse_doubled(pairs: &[(String, String)]) -> Result<(), CallbackError> {
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(CallbackError::Malformed(given_twice(pair[0]))),
        None => Ok(()),
    }
}
