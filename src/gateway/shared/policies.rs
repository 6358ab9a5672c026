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

    /// Applies a merge patch to a project's overrides. An object that says nothing, where the policy has an object, is left out.
    pub fn patch(&self, overrides: &mut Value, change: &Value) {
        patch(overrides, change);
        prune(overrides, &self.written);
    }

    /// The policy that results from stored overrides, with `change` laid over it.
    pub fn tried(&self, overrides: &str, change: &Value) -> Result<Policy, Vec<PolicyFault>> {
        let mut whole = self.effective(&parsed(overrides));
        lay_over(&mut whole, change);
        (self.read)(&whole)
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

/// Removes empty objects where `written` has an object too. Elsewhere they are of the wrong type, which reading will say.
fn prune(overrides: &mut Value, written: &Value) {
    if let Value::Object(members) = overrides {
        members.retain(|name, value| {
            let usual = written.get(name).unwrap_or(&Value::Null);
            prune(value, usual);
            !(usual.is_object() && value.as_object().is_some_and(Map::is_empty))
        });
    }
}

/// JSON Merge Patch (RFC 7396): null removes a member, which restores the default.
fn patch(target: &mut Value, change: &Value) {
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
        patch(members.entry(name.clone()).or_insert(Value::Null), value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_members_and_null_restores_the_default() {
        let written = json!({ "code_length": 6, "ttl": "10m", "templates": {}, "limits": { "per_number": [] }, "countries": { "deny": [] } });
        let apply = |overrides: &mut Value, change: &Value| {
            patch(overrides, change);
            prune(overrides, &written);
        };
        let mut overrides = json!({ "ttl": "5m", "templates": { "ru": "a", "en": "b" }, "countries": { "deny": ["KP"] } });
        let change = json!({ "code_length": 4, "ttl": null, "templates": { "ru": null }, "countries": { "deny": null } });
        apply(&mut overrides, &change);
        let patched = json!({ "code_length": 4, "templates": { "en": "b" } });
        assert_eq!(overrides, patched);
        apply(
            &mut overrides,
            &json!({ "templates": {}, "limits": {}, "unknown": null }),
        );
        assert_eq!(overrides, patched);
        for wrong in [
            json!({ "code_length": {} }),
            json!({ "limits": { "per_number": {} } }),
            json!({ "ttl": { "x": null } }),
            json!({ "templates": { "ru": {} } }),
        ] {
            let mut overrides = json!({});
            apply(&mut overrides, &wrong);
            assert_ne!(
                overrides,
                json!({}),
                "{wrong} is of a wrong type, which reading says"
            );
        }
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
