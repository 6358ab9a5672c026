//! How environment variables are named: `PINROUTE_` and the path in capitals, joined by `__`.

const PREFIX: &str = "PINROUTE_";
const JOINT: &str = "__";
/// Names the file; it is read before there is a configuration.
const CONFIG: &str = "PINROUTE_CONFIG";

/// The variable that sets a key: `sms.providers[0].url` → `PINROUTE_SMS__PROVIDERS__0__URL`.
pub(super) fn variable(key: &str) -> String {
    let path = key.replace(']', "").replace(['.', '['], JOINT);
    format!("{PREFIX}{}", path.to_uppercase())
}

/// Whether a variable of this name is meant for a key.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) && name != CONFIG
}

/// The name without its prefix.
pub(super) fn bare(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// The name that [`bare`] shortened.
pub(super) fn whole(bare: &str) -> String {
    format!("{PREFIX}{bare}")
}

/// The parts of the path that the name spells.
pub(super) fn segments(name: &str) -> impl Iterator<Item = &str> {
    bare(name).split(JOINT)
}
