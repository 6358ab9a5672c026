//! What can be done.

macro_rules! actions {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// What was done: the kind of the object, and a verb.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $($name,)+
        }

        impl Action {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

actions! {
    KeyCreated = "key.created",
    KeyRevoked = "key.revoked",
    ProjectCreated = "project.created",
    ProjectChanged = "project.changed",
    BudgetsChanged = "budgets.changed",
    RatesChanged = "rates.changed",
    ExchangeRatesChanged = "exchange_rates.changed",
    LedgerEntryBooked = "ledger_entry.booked",
    LedgerEntryReversed = "ledger_entry.reversed",
    ListEntryAdded = "list_entry.added",
    ListEntryRemoved = "list_entry.removed",
    BlockEnded = "block.ended",
    SubjectErased = "subject.erased",
    WebhookCreated = "webhook.created",
    WebhookRotated = "webhook.rotated",
    WebhookDeleted = "webhook.deleted",
    IntegrationCreated = "integration.created",
    IntegrationChanged = "integration.changed",
    IntegrationRotated = "integration.rotated",
    IntegrationDeleted = "integration.deleted",
    UserCreated = "user.created",
    UserInvited = "user.invited",
    UserRoleChanged = "user.role_changed",
    UserDisabled = "user.disabled",
    UserEnabled = "user.enabled",
    UserPasswordChanged = "user.password_changed",
    UserSessionsEnded = "user.sessions_ended",
    UserSignedIn = "user.signed_in",
    UserSignInFailed = "user.sign_in_failed",
}

impl Action {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|action| action.as_str() == text)
    }

    /// The kind of what it is done to.
    #[must_use]
    pub fn object(self) -> &'static str {
        let text = self.as_str();
        text.split_once('.').map_or(text, |(kind, _)| kind)
    }

    /// All kinds of objects, in the order of the actions.
    #[must_use]
    pub fn objects() -> Vec<&'static str> {
        let mut kinds: Vec<&str> = Self::ALL.iter().map(|action| action.object()).collect();
        kinds.dedup();
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_has_a_word_of_its_own_that_begins_with_its_object() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(*action));
            let verb = action.as_str().strip_prefix(action.object());
            assert!(verb.is_some_and(|verb| verb.starts_with('.')), "{action:?}");
        }
        let mut kinds = Action::objects();
        kinds.sort_unstable();
        let all = kinds.len();
        kinds.dedup();
        assert_eq!(kinds.len(), all, "actions of one object stand together");
    }
}
