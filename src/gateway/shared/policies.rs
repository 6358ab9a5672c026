//! Projects' policies: their overrides merged into the defaults, and parsed as the configuration is.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::verification::policy::Policy;

/// The stored overrides of a project without any.
pub const NOTHING: &str = "{}";

/// An invalid field of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// A JSON pointer that begins with `/policy`.
    pub pointer: String,
    pub detail: String,
}

/// Parses a complete policy, written as in `[defaults]`.
pub type ReadPolicy = fn(&Value) -> Result<Policy, Vec<PolicyFault>>;

/// The defaults, and the parser for overridden policies.
#[derive(Debug)]
pub struct PolicyBook {
    defaults: Arc<Policy>,
    written: Value,
    read: ReadPolicy,
}

impl PolicyBook {
    /// `written`: the defaults in the form that `read` parses.
    #[must_use]
    pub fn new(defaults: Policy, written: Value, read: ReadPolicy) -> Self {
        Self {
            defaults: Arc::new(defaults),
            written,
            read,
        }
    }

    pub(in crate::gateway) fn defaults(&self) -> &Arc<Policy> {
        &self.defaults
    }

    /// The complete policy as JSON: the defaults with these overrides applied.
    #[must_use]
    pub fn effective(&self, overrides: &Value) -> Value {
        let mut whole = self.written.clone();
        lay_over(&mut whole, overrides);
        whole
    }

    /// The policy that results from stored overrides.
    pub fn read(&self, overrides: &str) -> Result<Policy, Vec<PolicyFault>> {
        (self.read)(&self.effective(&parsed(overrides)))
    }
}

/// Parses stored overrides; unreadable ones count as none.
#[must_use]
pub fn parsed(overrides: &str) -> Value {
    serde_json::from_str(overrides).unwrap_or_else(|_| Value::Object(Map::new()))
}

/// Merges objects; replaces everything else.
fn lay_over(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                lay_over(base.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => base.clone_from(over),
    }
}

/// JSON Merge Patch (RFC 7396): null removes a member, which restores the default. Unlike the RFC, an object that
/// becomes empty is removed too.
pub fn patch(target: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        target.clone_from(change);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else {
        return;
    };
    for (name, value) in change {
        if value.is_null() {
            members.remove(name);
            continue;
        }
        let member = members.entry(name.clone()).or_insert(Value::Null);
        patch(member, value);
        if value.is_object() && member.as_object().is_some_and(Map::is_empty) {
            members.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_sets_what_it_names_and_null_takes_away() {
        let mut target = json!({ "ttl": "5m", "templates": { "ru": "a", "en": "b" }, "countries": { "deny": ["KP"] } });
        patch(
            &mut target,
            &json!({ "code_length": 4, "ttl": null, "templates": { "ru": null }, "countries": { "deny": null } }),
        );
        assert_eq!(
            target,
            json!({ "code_length": 4, "templates": { "en": "b" } })
        );
        patch(&mut target, &json!({ "templates": {}, "unknown": null }));
        assert_eq!(
            target,
            json!({ "code_length": 4, "templates": { "en": "b" } })
        );
    }

    #[test]
    fn overrides_lie_over_the_defaults_key_by_key() {
        let mut base =
            json!({ "ttl": "10m", "countries": { "allow": ["*"], "deny": [] }, "route": [1, 2] });
        lay_over(
            &mut base,
            &json!({ "countries": { "deny": ["KP"] }, "route": [3] }),
        );
        assert_eq!(
            base,
            json!({ "ttl": "10m", "countries": { "allow": ["*"], "deny": ["KP"] }, "route": [3] })
        );
    }
}
