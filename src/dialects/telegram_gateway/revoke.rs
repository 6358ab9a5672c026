//! `revokeVerificationMessage`: the code is no longer valid. What has been delivered may stay visible, as at Telegram.

use serde_json::value::RawValue;

use super::caller::Call;
use super::fault::Fault;
use super::{answer, status};
use crate::gateway::Error;

pub async fn revoke(call: &Call) -> Result<Box<RawValue>, Fault> {
    let id = status::id(call)?;
    let canceled = call.gateway.verify().cancel(&call.access, id, None).await;
    match canceled {
        // It says that the request was received, so a verification that is over answers the same.
        Ok(_) | Err(Error::Refused(_)) => Ok(answer::written(&true)),
        Err(error) => Err(error.into()),
    }
}
