//! The limits that a request draws on, and the sliding window that decides about one more draw. To add a limit: its
//! rates in [`Limits`], and a function here that returns its draws.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::network::clients;
use crate::verification::asked::LimitKey;
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::policy::{Limits, Quota};

const NUMBER: &str = "number";
const WRONG: &str = "wrong";

/// One unit taken from one counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Identifies the counter by kind, project and owner. Contains no phone number in plain text.
    pub key: Vec<u8>,
    /// All apply.
    pub rates: Vec<Quota>,
    /// The message for a refused caller.
    pub what: &'static str,
    /// The name of a limit of the site's own.
    pub limit: Option<Arc<str>>,
    /// The database knows when it was drawn: the number's messages and wrong codes are there.
    pub is_recorded: bool,
}

impl Draw {
    /// How long a draw counts.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let windows = self.rates.iter().map(|rate| rate.window);
        windows.max().unwrap_or_default()
    }
}

/// An exhausted limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    pub what: &'static str,
    /// What the number was sent, or the wrong codes for it; else what is drawn on by others too.
    pub is_of_number: bool,
    /// The name of a limit of the site's own.
    pub limit: Option<Arc<str>>,
    pub retry_after: Duration,
}

impl Exhausted {
    /// What the number may be sent is used up, perhaps by strangers.
    #[must_use]
    pub fn is_by_number_alone(&self) -> bool {
        self.is_of_number && self.limit.is_none()
    }
}

/// A create draws on the number, the project, and the client's networks if its address is given.
#[must_use]
pub fn for_create(
    limits: &Limits,
    project: ProjectId,
    number: [u8; 16],
    ip: Option<IpAddr>,
    keys: &[LimitKey],
) -> Vec<Draw> {
    let mut draws = for_resend(limits, project, number, keys);
    for (network, times) in ip.map(clients).into_iter().flatten() {
        let rates = limits.per_ip.iter().map(|rate| rate.times(times)).collect();
        let what = "too many codes requested from this address";
        draws.extend(of(rates, "ip", project, network.as_bytes(), what));
    }
    let what = "too many verifications started in this project";
    draws.extend(of(limits.creates.clone(), "create", project, &[], what));
    draws
}

/// The draws of a create or resend that is let through although others have used up what the number may be sent: three a day instead
/// of the number's own limit.
#[must_use]
pub fn for_reserve(mut draws: Vec<Draw>, project: ProjectId, number: [u8; 16]) -> Vec<Draw> {
    draws.retain(|draw| !draw.is_recorded);
    draws.push(three_a_day("reserve", project, number));
    draws
}

/// A resend draws on the number, and on the limits of the site's own that the start drew on.
#[must_use]
pub fn for_resend(
    limits: &Limits,
    project: ProjectId,
    number: [u8; 16],
    keys: &[LimitKey],
) -> Vec<Draw> {
    let what = "too many codes sent to this number";
    let draw = of(limits.per_number.clone(), NUMBER, project, &number, what);
    let own = keys.iter().filter_map(|key| {
        let rates = limits.keys.get(&key.name)?.clone();
        let whose = [key.name.as_bytes(), b":", &key.value.0].concat();
        let what = "too many codes requested for one value of a limit of the project's own";
        let draw = of(rates, "key", project, &whose, what)?;
        Some(Draw {
            limit: Some(key.name.as_str().into()),
            ..draw
        })
    });
    draw.into_iter().chain(own).collect()
}

/// A send that is let through because the number's owner proved it before: three a day.
#[must_use]
pub fn for_owner(project: ProjectId, number: [u8; 16]) -> Draw {
    three_a_day("owner", project, number)
}

fn three_a_day(kind: &str, project: ProjectId, number: [u8; 16]) -> Draw {
    Draw {
        key: [kind.as_bytes(), b":", project.0.as_bytes(), &number].concat(),
        rates: vec![Quota {
            count: 3,
            window: Duration::from_hours(24),
        }],
        what: "too many codes sent to this number",
        limit: None,
        is_recorded: false,
    }
}

/// A wrong code draws on the number. A right one needs room, but draws nothing.
#[must_use]
pub fn for_check(limits: &Limits, project: ProjectId, number: [u8; 16]) -> Vec<Draw> {
    let what = "too many wrong codes for this number";
    let rates = limits.wrong_codes_per_number.clone();
    of(rates, WRONG, project, &number, what)
        .into_iter()
        .collect()
}

/// A sign-in draws, before the password is checked, on the account from this client (5), on the client (20) and on the
/// account from anywhere (50), all per 15 minutes. The draws are given back unless the password was wrong. So a few
/// addresses cannot lock out an account's owner, and an account gets at most fifty guesses in 15 minutes, besides those
/// from browsers that its owner signed in with before (5 each), which strangers cannot use up. `account`, `browser` and the
/// clients are hashes, not plain text; the clients come with the multiple of their limit (see [`clients`]).
#[must_use]
pub fn for_sign_in(account: &str, browser: Option<&str>, clients: &[(String, u32)]) -> Vec<Draw> {
    if let Some(browser) = browser {
        return vec![password("browser", &format!("{account}:{browser}"), 5)];
    }
    let mut draws = vec![password("account", account, 50)];
    for (client, times) in clients {
        draws.push(password("both", &format!("{account}:{client}"), 5 * times));
        draws.push(password("client", client, 20 * times));
    }
    draws
}

/// Changing the password while signed in has its own limit, so guesses from outside cannot use it up.
#[must_use]
pub fn for_own_password(account: &str) -> Vec<Draw> {
    vec![password("own", account, 10)]
}

/// Comparisons of a code after its approval.
#[must_use]
pub fn for_repeat(id: VerificationId) -> Draw {
    Draw {
        key: [b"repeat:", &id.uuid().as_bytes()[..]].concat(),
        rates: vec![Quota {
            count: 3,
            window: Duration::from_mins(2),
        }],
        what: "too many repeats of a check",
        limit: None,
        is_recorded: false,
    }
}

fn password(kind: &str, whose: &str, count: u32) -> Draw {
    const WINDOW: Duration = Duration::from_secs(15 * 60);
    Draw {
        key: format!("sign-in:{kind}:{whose}").into_bytes(),
        rates: vec![Quota {
            count,
            window: WINDOW,
        }],
        what: "too many wrong passwords",
        limit: None,
        is_recorded: false,
    }
}

/// `None`: the limit is off.
fn of(
    rates: Vec<Quota>,
    kind: &'static str,
    project: ProjectId,
    whose: &[u8],
    what: &'static str,
) -> Option<Draw> {
    let key = || [kind.as_bytes(), b":", project.0.as_bytes(), whose].concat();
    (!rates.is_empty()).then(|| Draw {
        key: key(),
        rates,
        what,
        limit: None,
        is_recorded: matches!(kind, NUMBER | WRONG),
    })
}

/// How far the clocks of replicas may differ.
pub const AHEAD: Duration = Duration::from_secs(5);

/// Times of past draws in microseconds since 1970, oldest first. Exact: there are never more than `count` draws in any `window`.
#[derive(Debug, Default)]
pub struct Window(SmallVec<[i64; 2]>);

impl Window {
    /// Of these draws, oldest first.
    #[must_use]
    pub fn of(draws: &[i64]) -> Self {
        Self(draws.iter().copied().collect())
    }

    /// How long until there is room for one more draw; `None`: there is room now.
    pub fn full_for(&mut self, rates: &[Quota], now: i64) -> Option<Duration> {
        // Draws from the future were made before the clock was set back.
        while self
            .newest()
            .is_some_and(|newest| newest > now + micros(AHEAD))
        {
            self.0.pop();
        }
        let longest = rates.iter().map(|rate| rate.window).max()?;
        let over = self.0.partition_point(|at| *at <= now - micros(longest));
        // Not each time, since the rest moves up.
        if over > self.0.len() / 2 {
            self.0.drain(..over);
        }
        let wait = |rate: &Quota| {
            let count = usize::try_from(rate.count).unwrap_or(usize::MAX);
            // If the count was lowered meanwhile, several of the oldest draws must leave first.
            let leaver = self.0.get(self.0.len().checked_sub(count)?)?;
            let wait = leaver + micros(rate.window) - now;
            u64::try_from(wait).ok().filter(|wait| *wait > 0)
        };
        let longest = rates.iter().filter_map(wait).max();
        longest.map(Duration::from_micros)
    }

    pub fn draw(&mut self, now: i64) {
        let place = self.0.partition_point(|at| *at <= now);
        self.0.insert(place, now);
    }

    /// Removes a draw made at `at`.
    pub fn give_back(&mut self, at: i64) {
        if let Some(place) = self.0.iter().rposition(|draw| *draw == at) {
            self.0.remove(place);
        }
    }

    /// When it was last drawn on.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.0.last().copied()
    }
}

/// As far as microseconds since 1970 reach.
#[must_use]
pub fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const START: i64 = 1_790_000_000 * SECOND;

    #[test]
    fn no_window_ever_holds_more_than_its_count() {
        let rates = ["3/10s".parse().unwrap(), "5/1m".parse().unwrap()];
        let at = |seconds| START + seconds * SECOND;
        let wait = |seconds| Some(Duration::from_secs(seconds));
        let mut window = Window::default();
        for second in [0, 4, 9] {
            assert_eq!(window.full_for(&rates, at(second)), None);
            window.draw(at(second));
        }
        assert_eq!(window.full_for(&rates, at(9)), wait(1));
        window.give_back(at(4));
        assert_eq!(window.full_for(&rates, at(9)), None);
        window.draw(at(9));
        assert_eq!(window.full_for(&rates, at(10)), None);
        window.draw(at(10));
        assert_eq!(window.full_for(&rates, at(30)), None);
        window.draw(at(30));
        assert_eq!(window.full_for(&rates, at(45)), wait(15), "five a minute");
        assert_eq!(window.full_for(&rates, at(60)), None);
    }

    #[test]
    fn draws_from_the_future_do_not_count() {
        let rates = ["1/1h".parse().unwrap()];
        let mut window = Window::default();
        window.draw(START + 1_800 * SECOND);
        assert_eq!(window.full_for(&rates, START), None);
        window.draw(START + SECOND);
        assert!(
            window.full_for(&rates, START).is_some(),
            "another replica's"
        );
    }
}
