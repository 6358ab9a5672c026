//! Forms, as browsers write them (WHATWG URL, section 5).

/// The pairs of `application/x-www-form-urlencoded`, decoded.
pub fn pairs(form: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(form).into_owned().collect()
}
