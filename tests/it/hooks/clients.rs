//! What identity servers sign and render their requests with, unmodified: at one server on SQLite, and at two replicas on Postgres in turn.
//!
//! `scripts/hooks` installs and runs it; the programs are in `tests/clients/hooks/`.

use crate::dialects::clients::{Gateways, new_key};
use crate::on_both_engines;
use crate::stage::{Stage, word};

on_both_engines!(supabase_python, supabase_node, kratos);

async fn supabase_python(stage: Stage) {
    call(&stage, "supabase-python").await;
}

async fn supabase_node(stage: Stage) {
    call(&stage, "supabase-node").await;
}

async fn kratos(stage: Stage) {
    call(&stage, "kratos").await;
}

async fn call(stage: &Stage, name: &'static str) {
    if std::env::var("PINROUTE_TEST_HOOKS").unwrap_or_default() != "1" {
        println!("skipped: PINROUTE_TEST_HOOKS is not 1 (./scripts/test installs the libraries)");
        return;
    }
    let gateways = Gateways::start(stage).await;
    let admin = new_key(stage, "admin").await;
    let key = word(&admin["key"]).to_owned();
    gateways
        .serve("hooks", name, &[("PINROUTE_ADMIN_KEY", key)])
        .await;
}
