//! Sinks: held by one replica, and their messages in order.

use chrono::TimeDelta;
use pinroute::secret::random;
use pinroute::storage::{Delivery, Hold};
use pinroute::verification::id::numbered;
use pinroute::webhooks::sinks::id_of;
use uuid::Uuid;

use crate::on_both_engines;
use crate::stage::{Engine, Stage};

on_both_engines!(
    a_sink_is_held_by_one_replica_at_a_time,
    messages_to_a_sink_are_found_given_up_and_redelivered_in_order,
);

async fn a_sink_is_held_by_one_replica_at_a_time(stage: Stage) {
    let now = stage.clock.now();
    let at = |seconds| now + TimeDelta::seconds(seconds);
    let hold = async |holder, from: i64| {
        let hold = Hold {
            sink: id_of("one"),
            name: "one",
            holder,
            until: at(from + 15),
        };
        stage.db.hold_sink(hold, at(from)).await.unwrap()
    };
    assert!(hold(1, 0).await && hold(1, 10).await);
    // On SQLite there is one server, and what another held is void.
    let alone = stage.engine == Engine::Sqlite;
    assert_eq!(hold(2, 24).await, alone);
    assert!(hold(2, 25).await);
    stage
        .db
        .release_sink(id_of("one"), 1, at(26))
        .await
        .unwrap();
    assert_eq!(
        hold(1, 26).await,
        alone,
        "another's hold cannot be released"
    );
    stage
        .db
        .release_sink(id_of("one"), 2, at(27))
        .await
        .unwrap();
    assert!(hold(1, 27).await);
    let known = stage.db.list_sinks().await.unwrap();
    assert_eq!(known, [(id_of("one"), "one".to_owned())]);
    stage.db.drop_sink(id_of("one")).await.unwrap();
    assert!(stage.db.list_sinks().await.unwrap().is_empty());
}

async fn messages_to_a_sink_are_found_given_up_and_redelivered_in_order(stage: Stage) {
    let (db, now, sink) = (&stage.db, stage.clock.now(), id_of("one"));
    let at = |seconds| now + TimeDelta::seconds(seconds);
    let message = |sink: Uuid, seconds, number| {
        let id = numbered(at(seconds), number, random());
        Delivery::new(id, sink, "verification.created", at(seconds))
    };
    // Those of one moment are in the order of their numbers.
    let all = [
        message(sink, 0, 1),
        message(sink, 0, 2),
        message(sink, 1, 1),
        message(sink, 9, 1),
        message(id_of("other"), 0, 1),
    ];
    let mut mixed: Vec<&Delivery> = all.iter().collect();
    mixed.reverse();
    db.create_deliveries(&mixed).await.unwrap();
    assert!(!db.is_sink_due(sink, at(-1)).await.unwrap());
    assert!(db.is_sink_due(sink, at(0)).await.unwrap());
    let due = async |seconds, limit| -> Vec<Uuid> {
        let due = db.due_to_sink(sink, at(seconds), limit).await.unwrap();
        due.into_iter().map(|it| it.id).collect()
    };
    assert_eq!(due(5, 10).await, [all[0].id, all[1].id, all[2].id]);
    assert_eq!(due(9, 2).await, [all[0].id, all[1].id]);
    let backlog = db.backlog(sink).await.unwrap();
    assert_eq!((backlog.pending, backlog.dead), (4, 0));
    assert_eq!(backlog.since, Some(at(0)));

    assert_eq!(db.give_up_on(sink, at(1), 1).await.unwrap(), 1);
    assert_eq!(db.give_up_on(sink, at(2), 10).await.unwrap(), 2);
    assert_eq!(due(9, 10).await, [all[3].id]);
    let backlog = db.backlog(sink).await.unwrap();
    assert_eq!((backlog.pending, backlog.dead), (1, 3));
    assert_eq!(db.redeliver_dead(sink, at(8)).await.unwrap(), 3);
    assert_eq!(
        due(9, 10).await,
        [all[0].id, all[1].id, all[2].id, all[3].id]
    );
    let other = db.backlog(id_of("other")).await.unwrap();
    assert_eq!((other.pending, other.dead), (1, 0));
    // With messages, a sink is not forgotten.
    db.drop_sink(sink).await.unwrap();
    assert_eq!(db.backlog(sink).await.unwrap().pending, 4);
}
