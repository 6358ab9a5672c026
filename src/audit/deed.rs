//! What is done to what.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::mask::{mask_all, masked};
use super::{Action, By};
use crate::verification::id::ProjectId;

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    pub action: Action,
    /// Of the object; `None`: there is only one.
    pub id: Option<String>,
    pub name: Option<String>,
    /// `None`: it concerns the whole instance.
    pub project: Option<ProjectId>,
    /// `None`: there was none, or what changed is not shown.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// A deed in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// In order of time.
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub by: By,
    pub deed: Deed,
}

impl Deed {
    #[must_use]
    pub fn new(action: Action, project: Option<ProjectId>) -> Self {
        Self {
            action,
            id: None,
            name: None,
            project,
            before: None,
            after: None,
        }
    }

    /// To something that has no id.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self {
            name: Some(masked(name)),
            ..self
        }
    }

    /// To this object.
    #[must_use]
    pub fn to(self, id: &impl ToString, name: Option<&str>) -> Self {
        Self {
            id: Some(id.to_string()),
            name: name.map(masked),
            ..self
        }
    }

    #[must_use]
    pub fn was(self, before: Value) -> Self {
        Self {
            before: Some(mask_all(before)),
            ..self
        }
    }

    #[must_use]
    pub fn is(self, after: Value) -> Self {
        Self {
            after: Some(mask_all(after)),
            ..self
        }
    }

    /// With what differs alone; `None`: nothing does.
    #[must_use]
    pub fn between(self, before: &Value, after: &Value) -> Option<Self> {
        let (before, after) = difference(before, after)?;
        Some(self.was(before).is(after))
    }

    /// That a project's rules have changed; `None`: they have not.
    #[must_use]
    pub fn of_rules(
        (project, name): (ProjectId, &str),
        before: &Value,
        after: &Value,
    ) -> Option<Self> {
        let deed = |action| Self::new(action, Some(project)).to(&project.0, Some(name));
        let deed = deed(Action::ProjectChanged).between(before, after)?;
        let is_budget = |side: &Option<Value>| {
            let members = side.as_ref().and_then(Value::as_object);
            members.is_some_and(|members| members.keys().all(|key| key == "budget"))
        };
        let about_budgets = is_budget(&deed.before) && is_budget(&deed.after);
        let action = if about_budgets {
            Action::BudgetsChanged
        } else {
            Action::ProjectChanged
        };
        Some(Self { action, ..deed })
    }
}

/// What differs, on each side. Of objects, their members that differ.
fn difference(before: &Value, after: &Value) -> Option<(Value, Value)> {
    if before == after {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return Some((before.clone(), after.clone()));
    };
    let (mut left, mut right) = (Map::new(), Map::new());
    for (name, was) in old {
        match new.get(name) {
            None => {
                left.insert(name.clone(), was.clone());
            }
            Some(is) => {
                if let Some((was, is)) = difference(was, is) {
                    left.insert(name.clone(), was);
                    right.insert(name.clone(), is);
                }
            }
        }
    }
    let added = new.iter().filter(|(name, _)| !old.contains_key(*name));
    right.extend(added.map(|(name, is)| (name.clone(), is.clone())));
    Some((Value::Object(left), Value::Object(right)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_tells_what_differs_alone() {
        let before = json!({ "ttl": "5m", "limits": { "per_ip": "off", "creates": ["1/1m"] }, "brand": "A" });
        let after = json!({ "ttl": "5m", "limits": { "per_ip": ["9/1h"], "creates": ["1/1m"] }, "budget": "off" });
        let (was, is) = difference(&before, &after).unwrap();
        assert_eq!(was, json!({ "limits": { "per_ip": "off" }, "brand": "A" }));
        assert_eq!(
            is,
            json!({ "limits": { "per_ip": ["9/1h"] }, "budget": "off" })
        );
        assert_eq!(difference(&before, &before), None);
    }

    #[test]
    fn rules_of_budgets_alone_are_a_matter_of_budgets() {
        let project = (ProjectId(Uuid::nil()), "shop");
        let action = |before: &Value, after: &Value| {
            Deed::of_rules(project, before, after).map(|deed| deed.action)
        };
        let (none, off) = (json!({}), json!({ "budget": "off" }));
        assert_eq!(action(&none, &off), Some(Action::BudgetsChanged));
        assert_eq!(action(&off, &none), Some(Action::BudgetsChanged));
        let both = json!({ "budget": "off", "ttl": "5m" });
        assert_eq!(action(&none, &both), Some(Action::ProjectChanged));
        assert_eq!(action(&off, &both), Some(Action::ProjectChanged));
        assert_eq!(action(&off, &off), None);
    }
}
