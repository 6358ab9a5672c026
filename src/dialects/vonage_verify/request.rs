//! The request that an address names.

use uuid::Uuid;

use super::caller::Caller;
use super::fault::Fault;
use crate::verification::Verification;
use crate::verification::id::VerificationId;

/// The verification of a request, whatever became of it.
pub async fn find(caller: &Caller, id: &str) -> Result<Verification, Fault> {
    let Ok(uuid) = Uuid::try_parse(id) else {
        return Err(Fault::no_request(&crate::web::fields::printable(id)));
    };
    let id = VerificationId::from_uuid(uuid);
    let found = caller.gateway.verify().find_own(&caller.access, id).await;
    found.map_err(|error| Fault::of(error, id))
}
