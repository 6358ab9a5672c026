//! The marks that the guard has set itself, on a short course of the traffic that `benches/merit` measures at length.

#[path = "../benches/merit/traffic/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the bench uses the rest")]
mod traffic;

use pinroute::abuse::guard::rules::{Mode, Rules};
use pinroute::simulator::visitors::Kind;
use traffic::{Attack, Guard, Mix, Scene, honest, marks, measure};

/// A week tells what is usual nearly as well as two, in half the time.
const SCENE: Scene = Scene {
    mix: Mix::TelegramFirst,
    history: 7,
    seed: 2,
};

#[test]
fn honest_people_are_hardly_challenged_and_never_denied() {
    let ours = Guard::ours(Rules::all(Mode::On));
    let (tally, fired) = honest(&ours, SCENE);
    assert!(tally.starts > 4_000 && tally.approved > 2_800, "{tally:?}");
    assert!(marks::spares(&tally), "{tally:?} {fired:?}");
}

#[test]
fn attacks_are_stopped_before_they_cost_much() {
    let attack = |kind, hour| Attack {
        kind,
        rate: 1.0,
        seconds: 120,
        hour,
        is_elsewhere: false,
    };
    let attacks = [
        attack(Kind::Burst, 0),
        attack(Kind::TelegramRefusing, 2),
        attack(Kind::RotatingPrefix, 11),
    ];
    let ours = Guard::ours(Rules::all(Mode::On));
    let courses = measure(&ours, SCENE, &attacks);
    let paid = |place: usize| courses[place].first_stop.map(|stop| stop.paid);
    assert_eq!(paid(0), paid(1), "refused by Telegram, or by SMS at once");
    for (attack, course) in attacks.into_iter().zip(&courses) {
        assert_eq!(marks::late(attack, course), None, "{attack:?}: {course:?}");
    }
}
