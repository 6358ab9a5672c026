//! Leases: taken, held, renewed, released; and what is done for a replica that has died.

use std::collections::HashSet;

use pinroute::storage::{CommitError, Lease, Lost, Write};
use pinroute::verification::Verification;

use super::Hand;
use crate::on_both_engines;
use crate::stage::Stage;

on_both_engines!(
    leases_are_taken_held_renewed_and_released,
    due_verifications_are_claimed_by_one_owner_each,
    what_a_dead_replica_held_is_woken_and_what_a_living_one_holds_is_not,
    a_lease_that_is_to_be_taken_free_is_not_taken_from_its_holder,
);

async fn leases_are_taken_held_renewed_and_released(stage: Stage) {
    let hand = Hand::of(&stage).await;
    let mut v = hand.stored(&stage.number()).await;
    let at = |seconds: i64| hand.now + chrono::TimeDelta::seconds(seconds);
    let claim = async |owner: i64, now: i64| {
        hand.db
            .claim(v.id, owner, at(now), at(now + 5))
            .await
            .unwrap()
            .is_some()
    };
    assert!(claim(1, 0).await);
    assert!(
        !claim(1, 1).await && !claim(2, 4).await,
        "a taken lease cannot be taken again, not even by its owner"
    );
    assert!(
        hand.db
            .reclaim(v.id, 1, at(4), at(9))
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        hand.db
            .reclaim(v.id, 2, at(4), at(9))
            .await
            .unwrap()
            .is_none()
    );
    assert!(!claim(2, 8).await);
    hand.db.renew(2, &[v.id.uuid()], at(100)).await.unwrap();
    hand.db.renew(1, &[v.id.uuid()], at(20)).await.unwrap();
    assert!(!claim(2, 19).await, "its owner renewed it");
    assert!(
        claim(2, 20).await,
        "a renewal by another owner has no effect"
    );
    // Only the owner's release frees the lease.
    for (owner, free) in [(1, false), (2, true)] {
        let change = hand.change(Write::Update, &v, Lease::Release { owner });
        hand.db.commit(change).await.unwrap();
        v.was_written();
        let taken = hand
            .db
            .claim(v.id, 3, at(21), at(26))
            .await
            .unwrap()
            .is_some();
        assert_eq!(taken, free);
    }
    let change = hand.change(
        Write::Update,
        &v,
        Lease::Hold {
            owner: 4,
            until: at(60),
        },
    );
    hand.db.commit(change).await.unwrap();
    assert!(
        hand.db
            .claim(v.id, 3, at(59), at(64))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        hand.db
            .claim(v.id, 3, at(60), at(65))
            .await
            .unwrap()
            .is_some()
    );
}

async fn due_verifications_are_claimed_by_one_owner_each(stage: Stage) {
    let hand = Hand::of(&stage).await;
    let mut ids = HashSet::new();
    for _ in 0..30 {
        ids.insert(hand.stored(&stage.number()).await.id);
    }
    let until = hand.now + chrono::TimeDelta::seconds(5);
    let early = hand.now - chrono::TimeDelta::microseconds(1);
    assert!(
        hand.db
            .claim_due(1, early, until, 100)
            .await
            .unwrap()
            .is_empty(),
        "nothing is due yet"
    );
    let claims = (1..=6).map(|owner| hand.db.claim_due(owner, hand.now, until, 7));
    let claimed = futures_util::future::join_all(claims).await;
    let mut seen = Vec::new();
    for claimed in claimed {
        let claimed = claimed.unwrap();
        assert!(claimed.len() <= 7);
        seen.extend(claimed.iter().map(|v| v.id));
    }
    assert_eq!(seen.len(), 30, "six claims of seven cover all");
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), ids);
    assert!(
        hand.db
            .claim_due(9, hand.now, until, 100)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        hand.db.claim_due(9, until, until, 100).await.unwrap().len(),
        30,
        "after the leases expired"
    );
}

async fn what_a_dead_replica_held_is_woken_and_what_a_living_one_holds_is_not(stage: Stage) {
    let mut hand = Hand::of(&stage).await;
    let begin = hand.now;
    let at = |seconds| begin + chrono::TimeDelta::seconds(seconds);
    hand.now = at(600);
    let mut held = Vec::new();
    for owner in [1, 2] {
        let v = hand.verification(&stage.number());
        let until = at(5);
        let change = hand.change(Write::Insert, &v, Lease::Hold { owner, until });
        hand.db.commit(change).await.unwrap();
        hand.db.beat(owner, until, v.id.uuid()).await.unwrap();
        held.push(v.id);
    }
    hand.db.rescue(at(4), at(0)).await.unwrap();
    let due = async |now| {
        let due = hand.db.claim_due(3, now, at(100), 9).await.unwrap();
        due.iter().map(|v| v.id).collect::<Vec<_>>()
    };
    assert_eq!(due(at(4)).await, [], "both live");
    // The second one goes on, with both of its leases renewed.
    hand.db.renew(2, &[held[1].uuid()], at(10)).await.unwrap();
    hand.db.beat(2, at(10), held[1].uuid()).await.unwrap();
    hand.db.rescue(at(6), at(0)).await.unwrap();
    assert_eq!(due(at(6)).await, [held[0]]);
    hand.db.rescue(at(11), at(6)).await.unwrap();
    assert_eq!(due(at(11)).await, [held[1]]);
    // A lease may end after its replica's row: it is woken all the same, and claimed when it has ended.
    let late = hand.verification(&stage.number());
    let lease = Lease::Hold {
        owner: 4,
        until: at(22),
    };
    hand.db.beat(4, at(20), late.id.uuid()).await.unwrap();
    let change = hand.change(Write::Insert, &late, lease);
    hand.db.commit(change).await.unwrap();
    hand.db.rescue(at(21), at(11)).await.unwrap();
    assert_eq!(due(at(21)).await, []);
    assert_eq!(due(at(22)).await, [late.id]);
    // What this process gave up is due at once.
    assert_eq!(hand.db.give_up(&held[1..], 2, at(12)).await.unwrap(), []);
    assert_eq!(due(at(12)).await, [], "it is another one's by now");
    assert_eq!(
        hand.db.give_up(&held[1..], 3, at(12)).await.unwrap(),
        [held[1]]
    );
    assert_eq!(due(at(12)).await, [held[1]]);
}

async fn a_lease_that_is_to_be_taken_free_is_not_taken_from_its_holder(stage: Stage) {
    let hand = Hand::of(&stage).await;
    let mut v = hand.stored(&stage.number()).await;
    let until = hand.now + chrono::TimeDelta::seconds(5);
    let take =
        |v: &Verification, owner| hand.change(Write::Update, v, Lease::Take { owner, until });
    hand.db.commit(take(&v, 1)).await.unwrap();
    v.was_written();
    let refused = hand.db.commit(take(&v, 2)).await;
    assert!(matches!(refused, Err(CommitError::Lost(Lost::Stale))));
    assert_eq!(
        hand.read(&v).await.version,
        v.version,
        "nothing was written"
    );
    let release = Lease::Release { owner: 1 };
    hand.db
        .commit(hand.change(Write::Update, &v, release))
        .await
        .unwrap();
    v.was_written();
    hand.db.commit(take(&v, 2)).await.unwrap();
}
