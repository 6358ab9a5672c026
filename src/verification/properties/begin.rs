//! Verifications to begin with, by kind.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::money::{Currency, Micros, Money};
use crate::verification::budget::{Budget, Period};
use crate::verification::code::{Code, CodeHash};
use crate::verification::countries::Countries;
use crate::verification::guard::Rules;
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::numbers::{Numbers, Parsed};
use crate::verification::policy::{Ages, Limits, Policy, TwilioRules, VonageRules};
use crate::verification::route::{Channel, Step, Workflow};
use crate::verification::*;

use super::input::offers;

/// How long a stage lasts, where the verification has three of them.
pub const STAGE: Duration = Duration::from_secs(200);
pub const RIGHT: CodeHash = CodeHash([1; 32]);

/// Never reached here: whether there is room is the store's to say.
pub fn budget() -> Budget {
    Budget {
        period: Period::Day,
        limit: Money::new(Micros(i64::MAX), Currency::USD),
        country: None,
        alert_at: Vec::new(),
    }
}

pub fn begin(kind: u8, now: DateTime<Utc>) -> Verification {
    let step = |channel, wait, approve_within| Step {
        channel,
        wait: Duration::from_secs(wait),
        approve_within,
    };
    let policy = Policy {
        code_length: 6,
        ttl: Duration::from_secs(600),
        max_checks: 3,
        max_sends: 3,
        resend_after: Duration::from_secs(30),
        route: vec![
            step(Channel::Telegram, 15, None),
            step(Channel::Sms, 60, Some(Duration::from_secs(90))),
            step(Channel::Telegram, 30, None),
        ],
        numbers: Numbers::default(),
        countries: Countries::default(),
        limits: Limits::default(),
        templates: std::collections::BTreeMap::default(),
        max_segments: 1,
        brand: String::new(),
        twilio: TwilioRules::default(),
        vonage: VonageRules::default(),
        guard: Rules::default(),
        retention: Ages::default(),
        budgets: vec![budget()],
    };
    let workflow = Workflow {
        stages: vec![
            policy.route[..2].to_vec(),
            policy.route[2..].to_vec(),
            vec![step(Channel::Sms, 10, None)],
        ],
        each: STAGE,
        max_checks: 2,
    };
    let Parsed { phone, country, .. } = Numbers::default().read("+998901234567").unwrap();
    let start = Start {
        id: VerificationId::new(now, [7; 8]),
        project: ProjectId(uuid::Uuid::nil()),
        phone,
        country,
        code: Code::parse("123456").unwrap(),
        code_hash: RIGHT,
        limit_keys: Vec::new(),
        is_outside_code: kind % 2 == 1,
        payload: None,
        asked: None,
        wording: Wording::default(),
        origin: None,
        sms_price: None,
        policy: &policy,
        ttl: None,
        channels: None,
        begin_within: (kind == 5).then_some(Duration::from_secs(45)),
        workflow: Some(&workflow).filter(|_| kind >= 6),
    };
    Verification::start(start, &offers(kind), now).unwrap()
}
