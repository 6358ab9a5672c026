//! `/dashboard/ledger/{id}/reverse`: books the opposite of an entry made by hand, once.

use actix_web::{HttpResponse, web};
use maud::Markup;
use uuid::Uuid;

use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::fields::sure;
use crate::dashboard::frame::rights::{Books, Posted};
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::faults::filled;
use crate::gateway::{BookError, Gateway, Replay};
use crate::ledger::entry::Entry;
use crate::money::{Micros, Money};

/// Where the ledger shows an entry made by hand.
pub fn place(entry: &Entry) -> String {
    format!(
        "/dashboard/ledger?kind={}#{}",
        entry.kind.as_str(),
        anchor(entry)
    )
}

/// The name of its row.
pub fn anchor(entry: &Entry) -> String {
    format!("entry-{}", entry.id)
}

/// The button that reverses an entry, after a question.
pub fn button(view: &Viewer, entry: &Entry) -> Markup {
    let t = view.t.money;
    let opposite = Money::new(Micros(-entry.money.amount.0), entry.money.currency);
    let why = filled(t.reverse_why, &[&view.locale().exact(opposite)]);
    let path = format!("/dashboard/ledger/{}/reverse", entry.id);
    let what = format!("{} {}", entry.provider, entry.id);
    sure(view, &path, (t.reverse, &what), &why, &[])
}

pub async fn reverse(
    posted: Posted<Books>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let view = &posted.signed.view;
    let id = Uuid::try_parse(&id).map_err(|_| view.fault(Kind::NotFound))?;
    let entry = gateway.finance().entry(id).await;
    let entry = entry.map_err(|trouble| view.trouble(&trouble))?;
    let of = entry.note.clone().unwrap_or_else(|| id.to_string());
    let said = (
        posted.signed.user.email.clone(),
        filled(view.t.money.reversal_note, &[&of]),
    );
    let reversed = posted
        .once(
            &gateway,
            async |ticket| {
                let (finance, by) = (gateway.finance(), posted.signed.access().by);
                let booked = finance.reverse(&entry, said, &by, Some(ticket));
                booked.await.map(|entry| entry.id)
            },
            async |replay| match replay {
                Replay::Entry { id } => Some(Ok(id)),
                _ => None,
            },
        )
        .await?;
    match reversed {
        Ok(id) => Ok(view.go(&format!("/dashboard/balances?booked={id}"))),
        Err(BookError::Failed(trouble)) => Err(view.trouble(&trouble)),
        Err(_) => Err(view.fault(Kind::Used)),
    }
}
