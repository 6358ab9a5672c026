//! What a page or a form needs, and which roles have it.

use super::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Any signed-in user.
    Any,
    Verifications,
    /// Without it numbers are masked and cannot be searched: a search would reveal the digits the mask hides.
    FullNumbers,
    Ledger,
    /// Reports and balances.
    Money,
    /// Top-ups and adjustments.
    Book,
    /// Read and change budgets, rates and exchange rates; change what the guard does: modes of its rules, blocks, lists.
    Rules,
    /// API keys and webhooks.
    Keys,
    Users,
    /// Who changed what.
    Audit,
}

/// The table: rows are rights, columns are owner, finance, support.
#[must_use]
pub fn may(role: Role, right: Right) -> bool {
    let (owner, finance, support) = match right {
        Right::Any | Right::Verifications => (true, true, true),
        Right::FullNumbers => (true, false, true),
        Right::Ledger | Right::Money | Right::Book | Right::Rules => (true, true, false),
        Right::Keys | Right::Users | Right::Audit => (true, false, false),
    };
    match role {
        Role::Owner => owner,
        Role::Finance => finance,
        Role::Support => support,
    }
}

#[cfg(test)]
mod tests {
    use super::{Right, Role, may};

    const RIGHTS: [Right; 10] = [
        Right::Any,
        Right::Verifications,
        Right::FullNumbers,
        Right::Ledger,
        Right::Money,
        Right::Book,
        Right::Rules,
        Right::Keys,
        Right::Users,
        Right::Audit,
    ];

    fn rights(role: Role) -> Vec<Right> {
        let all = RIGHTS.into_iter();
        all.filter(|right| may(role, *right)).collect()
    }

    #[test]
    fn an_owner_may_do_everything() {
        assert_eq!(rights(Role::Owner), RIGHTS);
    }

    #[test]
    fn finance_sees_money_but_no_full_number() {
        let expected = [
            Right::Any,
            Right::Verifications,
            Right::Ledger,
            Right::Money,
            Right::Book,
            Right::Rules,
        ];
        assert_eq!(rights(Role::Finance), expected);
    }

    #[test]
    fn support_sees_verifications_but_no_money() {
        let expected = [Right::Any, Right::Verifications, Right::FullNumbers];
        assert_eq!(rights(Role::Support), expected);
    }
}
