//! The limits that a request draws on, and the sliding window that decides about one more draw. To add a limit: its
//! rates in [`Limits`], and a function here that returns its draws.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::network::clients;
use crate::verification::id::ProjectId;
use crate::verification::policy::{Limits, Quota};

const NUMBER: &str = "number";
const WRONG: &str = "wrong";

/// One unit taken from one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Identifies the counter by kind, project and owner. Contains no phone number in plain text.
    pub key: String,
    pub rate: Quota,
    /// The message for a refused caller.
    pub what: &'static str,
    /// The database knows when it was drawn: the number's messages and wrong codes are there.
    pub is_recorded: bool,
}

/// An exhausted limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    pub what: &'static str,
    pub retry_after: Duration,
}

/// A create draws on the number, the project, and the client's networks if its address is given.
#[must_use]
pub fn for_create(
    limits: &Limits,
    project: ProjectId,
    number: &str,
    ip: Option<IpAddr>,
) -> Vec<Draw> {
    let mut draws = for_resend(limits, project, number);
    for (network, times) in ip.map(clients).into_iter().flatten() {
        let rates: Vec<Quota> = limits.per_ip.iter().map(|rate| rate.times(times)).collect();
        let what = "too many codes requested from this address";
        draws.extend(of(&rates, "ip", project, &network, what));
    }
    draws.extend(of(
        &limits.creates,
        "create",
        project,
        "",
        "too many verifications started in this project",
    ));
    draws
}

/// A resend draws only on the number.
#[must_use]
pub fn for_resend(limits: &Limits, project: ProjectId, number: &str) -> Vec<Draw> {
    of(
        &limits.per_number,
        NUMBER,
        project,
        number,
        "too many codes sent to this number",
    )
    .collect()
}

/// A check draws on the number's wrong codes before it is evaluated; the draw is given back if the code was right.
#[must_use]
pub fn for_check(limits: &Limits, project: ProjectId, number: &str) -> Vec<Draw> {
    let what = "too many wrong codes for this number";
    of(&limits.wrong_codes_per_number, WRONG, project, number, what).collect()
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

fn password(kind: &str, whose: &str, count: u32) -> Draw {
    const WINDOW: Duration = Duration::from_secs(15 * 60);
    Draw {
        key: format!("sign-in:{kind}:{whose}"),
        rate: Quota {
            count,
            window: WINDOW,
        },
        what: "too many wrong passwords",
        is_recorded: false,
    }
}

fn of(
    rates: &[Quota],
    kind: &'static str,
    project: ProjectId,
    whose: &str,
    what: &'static str,
) -> impl Iterator<Item = Draw> {
    rates.iter().map(move |rate| Draw {
        key: format!(
            "{kind}:{}:{whose}:{}",
            project.0.simple(),
            rate.window.as_millis()
        ),
        rate: *rate,
        what,
        is_recorded: matches!(kind, NUMBER | WRONG),
    })
}

/// How far the clocks of replicas may differ.
const AHEAD: TimeDelta = TimeDelta::seconds(5);

/// Times of past draws, oldest first. Exact: there are never more than `count` draws in any `window`.
#[derive(Debug, Default)]
pub struct Window(VecDeque<DateTime<Utc>>);

impl Window {
    /// Of these draws, oldest first.
    #[must_use]
    pub fn of(draws: &[DateTime<Utc>]) -> Self {
        Self(draws.iter().copied().collect())
    }

    /// How long until there is room for one more draw; `None`: there is room now.
    pub fn full_for(&mut self, rate: Quota, now: DateTime<Utc>) -> Option<Duration> {
        // Draws from the future were made before the clock was set back.
        while self.0.back().is_some_and(|newest| *newest > now + AHEAD) {
            self.0.pop_back();
        }
        while self
            .0
            .front()
            .is_some_and(|oldest| age(*oldest, now) >= rate.window)
        {
            self.0.pop_front();
        }
        let count = usize::try_from(rate.count).unwrap_or(usize::MAX);
        if self.0.len() < count {
            return None;
        }
        // If the count was lowered meanwhile, several of the oldest draws must leave first.
        let leaver = self.0.get(self.0.len() - count)?;
        Some(rate.window.saturating_sub(age(*leaver, now)))
    }

    pub fn draw(&mut self, now: DateTime<Utc>) {
        self.0.push_back(now);
    }

    /// Removes a draw made at `at`.
    pub fn give_back(&mut self, at: DateTime<Utc>) {
        if let Some(place) = self.0.iter().rposition(|draw| *draw == at) {
            self.0.remove(place);
        }
    }

    #[must_use]
    pub fn is_idle(&self, rate_window: Duration, now: DateTime<Utc>) -> bool {
        self.0
            .back()
            .is_none_or(|newest| age(*newest, now) >= rate_window)
    }
}

fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (now - at).to_std().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_ever_holds_more_than_its_count() {
        let rate: Quota = "3/10s".parse().unwrap();
        let start = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let at = |seconds| start + TimeDelta::seconds(seconds);
        let mut window = Window::default();
        for second in [0, 4, 9] {
            assert_eq!(window.full_for(rate, at(second)), None);
            window.draw(at(second));
        }
        assert_eq!(window.full_for(rate, at(9)), Some(Duration::from_secs(1)));
        window.give_back(at(4));
        assert_eq!(window.full_for(rate, at(9)), None);
        window.draw(at(9));
        assert_eq!(window.full_for(rate, at(10)), None);
    }

    #[test]
    fn draws_from_the_future_do_not_count() {
        let rate: Quota = "1/1h".parse().unwrap();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let mut window = Window::default();
        window.draw(now + TimeDelta::minutes(30));
        assert_eq!(window.full_for(rate, now), None);
        window.draw(now + TimeDelta::seconds(1));
        assert!(window.full_for(rate, now).is_some(), "another replica's");
    }
}
