//! Every word of the pages, in English and in Russian. A word that is missing in a language does not compile.
//!
//! To add one: a field here, and its line in both languages ([`english`], [`russian`]). The words about money stand in
//! [`money`], those of what is set in [`manage`], and what is said of wrong input in [`faults`].

pub mod faults;
pub mod manage;
pub mod money;

mod english;
mod russian;

use faults::FaultTexts;
use manage::ManageTexts;
use money::MoneyTexts;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Russian,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::Russian];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.as_str() == text)
    }

    pub fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Russian => "Русский",
        }
    }

    /// The first of `Accept-Language` that there is; English without one.
    pub fn accepted(header: &str) -> Self {
        let mut tags = header
            .split(',')
            .map(|tag| tag.trim().get(..2).unwrap_or_default());
        tags.find_map(Self::parse).unwrap_or(Self::English)
    }

    pub fn texts(self) -> &'static Texts {
        match self {
            Self::English => &english::TEXTS,
            Self::Russian => &russian::TEXTS,
        }
    }
}

#[derive(Debug)]
pub struct Texts {
    pub money: &'static MoneyTexts,
    pub manage: &'static ManageTexts,
    pub faults: &'static FaultTexts,
    pub account: &'static str,
    pub skip: &'static str,
    pub navigation: &'static str,
    pub sign_out: &'static str,
    pub language: &'static str,
    pub colours: &'static str,
    pub theme_auto: &'static str,
    pub theme_light: &'static str,
    pub theme_dark: &'static str,
    pub sandbox: &'static str,
    pub sandbox_means: &'static str,
    pub group_traffic: &'static str,
    pub group_money: &'static str,
    pub group_rules: &'static str,
    pub group_access: &'static str,
    pub verifications: &'static str,
    pub ledger: &'static str,
    pub users: &'static str,
    pub role_owner: &'static str,
    pub role_finance: &'static str,
    pub role_support: &'static str,
    pub to_start: &'static str,
    pub copy: &'static str,
    pub copied: &'static str,
    pub number_masked: &'static str,
    pub forbidden: &'static str,
    pub forbidden_why: &'static str,
    pub forged: &'static str,
    pub forged_why: &'static str,
    pub used_form: &'static str,
    pub used_form_why: &'static str,
    pub look_below: &'static str,
    pub not_found: &'static str,
    pub not_found_why: &'static str,
    pub link_void: &'static str,
    pub link_void_why: &'static str,
    pub unavailable: &'static str,
    pub unavailable_why: &'static str,
    pub busy_why: &'static str,
    pub sign_in: &'static str,
    pub sign_in_lead: &'static str,
    pub email: &'static str,
    pub password: &'static str,
    pub password_rule: &'static str,
    pub wrong: &'static str,
    pub limited: &'static str,
    pub password_length: &'static str,
    pub password_guessable: &'static str,
    pub password_wrong: &'static str,
    pub password_now: &'static str,
    pub password_new: &'static str,
    pub password_changed: &'static str,
    pub settings: &'static str,
    pub sessions: &'static str,
    pub sessions_lead: &'static str,
    pub sign_out_others: &'static str,
    pub signed_out_others: &'static str,
    pub bad_email: &'static str,
    pub enter: &'static str,
    pub enter_lead: &'static str,
    pub set_password: &'static str,
    pub set_up: &'static str,
    pub keep: &'static str,
    pub pending: &'static str,
    pub approved: &'static str,
    pub expired: &'static str,
    pub canceled: &'static str,
    pub locked: &'static str,
    pub failed: &'static str,
    pub queued: &'static str,
    pub sending: &'static str,
    pub unknown: &'static str,
    pub sent: &'static str,
    pub attempt_expired: &'static str,
    pub undelivered: &'static str,
    pub attempt_failed: &'static str,
    pub refused: &'static str,
    pub delivered: &'static str,
    pub read: &'static str,
    pub estimated: &'static str,
    pub charged: &'static str,
    pub refunded: &'static str,
    pub refund_expected: &'static str,
    pub free: &'static str,
    pub reason_unreachable: &'static str,
    pub reason_number_invalid: &'static str,
    pub reason_paused: &'static str,
    pub reason_no_price: &'static str,
    pub reason_budget: &'static str,
    pub reason_throttled: &'static str,
    pub reason_unavailable: &'static str,
    pub reason_rejected: &'static str,
    pub reason_no_answer: &'static str,
    pub reason_interrupted: &'static str,
    pub reason_not_delivered: &'static str,
    pub reason_revoked: &'static str,
    pub reason_canceled: &'static str,
    pub event_created: &'static str,
    pub event_fallback: &'static str,
    pub event_approved: &'static str,
    pub event_locked: &'static str,
    pub event_expired: &'static str,
    pub event_failed: &'static str,
    pub event_canceled: &'static str,
    pub event_resend: &'static str,
    pub event_wrong: &'static str,
    pub event_drift: &'static str,
    pub charge: &'static str,
    pub refund: &'static str,
    pub top_up: &'static str,
    pub adjustment: &'static str,
    pub basis_reported: &'static str,
    pub basis_documented: &'static str,
    pub basis_estimated: &'static str,
    pub basis_manual: &'static str,
    pub search: &'static str,
    pub search_hint: &'static str,
    pub status: &'static str,
    pub any: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub show: &'static str,
    pub next_page: &'static str,
    pub number: &'static str,
    pub country: &'static str,
    pub channel: &'static str,
    pub cost: &'static str,
    pub time: &'static str,
    pub project: &'static str,
    pub every_project: &'static str,
    pub zone: &'static str,
    pub nothing_found: &'static str,
    pub nothing_found_why: &'static str,
    pub timeline: &'static str,
    pub attempts: &'static str,
    pub entries: &'static str,
    pub no_entries: &'static str,
    pub provider: &'static str,
    pub kind: &'static str,
    pub basis: &'static str,
    pub amount: &'static str,
    pub note: &'static str,
    pub checks: &'static str,
    pub sends: &'static str,
    pub expires: &'static str,
    pub full_numbers_only: &'static str,
    pub bad_search: &'static str,
    pub invite: &'static str,
    pub role: &'static str,
    pub last_sign_in: &'static str,
    pub never: &'static str,
    pub disabled: &'static str,
    pub disable: &'static str,
    pub disable_why: &'static str,
    pub enable: &'static str,
    pub new_link: &'static str,
    pub invitation: &'static str,
    pub email_taken: &'static str,
    pub last_owner: &'static str,
    pub disabled_no_link: &'static str,
    pub done: &'static str,
}
