//! Verifications as rows to write: what a change stores of one, and the statements.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::rows::{Column, Rows};
use crate::secret::{Vault, random};
use crate::verification::attempt::AttemptStatus;
use crate::verification::code::Code;
use crate::verification::phone::PhoneNumber;
use crate::verification::{Verification, packed};

/// Whether a change's verification is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Fails with [`Lost::Exists`](super::Lost::Exists) when a pending verification has the same reuse key.
    Insert,
    /// Fails with [`Lost::Stale`](super::Lost::Stale) unless the stored version is the one that the state was read at.
    Update,
}

/// What a change does to its verification's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    Keep,
    /// Take or renew it.
    Hold {
        owner: i64,
        until: DateTime<Utc>,
    },
    /// Release it, if this owner still holds it.
    Release {
        owner: i64,
    },
    /// Take it if it is free; if not, the change fails with [`Lost::Stale`](super::Lost::Stale).
    Take {
        owner: i64,
        until: DateTime<Utc>,
    },
}

/// A verification ready to write.
#[derive(Debug)]
pub(super) struct Stored {
    pub id: Uuid,
    pub change_id: i64,
    project_id: Uuid,
    /// The version it was read at.
    version: i64,
    status: &'static str,
    /// Of a new one.
    phone_index: Option<[u8; 16]>,
    reuse_key: [u8; 16],
    /// `None`: it is stored as it is.
    sealed: Option<Vec<u8>>,
    code_hash: [u8; 32],
    packed: Vec<u8>,
    is_unknown: bool,
    wake_at: Option<DateTime<Utc>>,
    lease: Lease,
}

pub(super) const INSERT: &str = "INSERT INTO verifications (id, project_id, version, change_id, status, phone_index, \
    reuse_key, sealed, code_hash, record, packed, is_unknown, wake_at, lease_owner, lease_until) \
    SELECT r.id, r.project_id, 1, r.change_id, r.status, r.phone_index, r.reuse_key, r.sealed, r.code_hash, '', \
    r.packed, r.is_unknown, r.wake_at, r.lease_owner, r.lease_until FROM {rows} WHERE true ON CONFLICT DO NOTHING";

/// Lease: 0 keeps it, 1 takes it, 2 releases it if the owner still holds it, 3 takes it if it is free, or else changes nothing.
/// A verification that is reopened gives its reuse key up if a newer one has it.
pub(super) const UPDATE: &str = "UPDATE verifications SET version = r.version + 1, change_id = r.change_id, \
    status = r.status, \
    reuse_key = CASE WHEN r.status = 'pending' AND verifications.status = 'failed' AND EXISTS (SELECT 1 \
        FROM verifications newer WHERE newer.reuse_key = verifications.reuse_key AND newer.status = 'pending') \
        THEN r.reuse_key ELSE verifications.reuse_key END, \
    sealed = COALESCE(r.sealed, verifications.sealed), code_hash = COALESCE(r.code_hash, verifications.code_hash), \
    record = '', packed = r.packed, is_unknown = r.is_unknown, wake_at = r.wake_at, \
    lease_owner = CASE WHEN r.lease IN (1, 3) THEN r.lease_owner \
        WHEN r.lease = 2 AND verifications.lease_owner = r.lease_owner THEN NULL ELSE verifications.lease_owner END, \
    lease_until = CASE WHEN r.lease IN (1, 3) THEN r.lease_until \
        WHEN r.lease = 2 AND verifications.lease_owner = r.lease_owner THEN NULL ELSE verifications.lease_until END \
    FROM {rows} WHERE verifications.id = r.id AND verifications.version = r.version \
    AND (r.lease <> 3 OR verifications.lease_until IS NULL)";

/// The ids of [`changes`] that have been written.
pub(super) const WRITTEN: &str =
    "SELECT v.id FROM {rows} JOIN verifications v ON v.id = r.id AND v.change_id = r.change_id";

pub(super) fn changes(stored: &[&Stored]) -> Rows<'static> {
    let ids = stored.iter().map(|s| Some(s.id)).collect();
    let changes = stored.iter().map(|s| Some(s.change_id)).collect();
    let columns = vec![
        ("id", Column::Uuid(ids)),
        ("change_id", Column::Int(changes)),
    ];
    Rows::new(stored.len(), columns)
}

/// For [`INSERT`], or for [`UPDATE`].
pub(super) fn rows<'a>(write: Write, stored: &[&'a Stored]) -> Rows<'a> {
    let lease = |s: &Stored| match s.lease {
        Lease::Keep => (0, None, None),
        Lease::Hold { owner, until } => (1, Some(owner), Some(until)),
        Lease::Release { owner } => (2, Some(owner), None),
        Lease::Take { owner, until } => (3, Some(owner), Some(until)),
    };
    let uuid =
        |get: fn(&Stored) -> Uuid| Column::Uuid(stored.iter().map(|s| Some(get(s))).collect());
    let bytes = |get: fn(&'a Stored) -> Option<&'a [u8]>| {
        Column::Bytes(stored.iter().map(|s| get(s)).collect())
    };
    let text =
        |get: fn(&'a Stored) -> &'a str| Column::Str(stored.iter().map(|s| Some(get(s))).collect());
    let int =
        |get: &dyn Fn(&Stored) -> Option<i64>| Column::Int(stored.iter().map(|s| get(s)).collect());
    let time = |get: &dyn Fn(&Stored) -> Option<DateTime<Utc>>| {
        Column::Time(stored.iter().map(|s| get(s)).collect())
    };
    let is_unknown = stored.iter().map(|s| Some(s.is_unknown)).collect();
    let mut columns = vec![
        ("id", uuid(|s| s.id)),
        ("change_id", int(&|s| Some(s.change_id))),
        ("status", text(|s| s.status)),
        ("reuse_key", bytes(|s| Some(&s.reuse_key))),
        ("sealed", bytes(|s| s.sealed.as_deref())),
        (
            "code_hash",
            bytes(|s| s.sealed.as_ref().map(|_| &s.code_hash[..])),
        ),
        ("packed", bytes(|s| Some(&s.packed))),
        ("is_unknown", Column::Bool(is_unknown)),
        ("wake_at", time(&|s| s.wake_at)),
        ("lease_owner", int(&|s| lease(s).1)),
        ("lease_until", time(&|s| lease(s).2)),
    ];
    columns.extend(match write {
        Write::Insert => [
            ("project_id", uuid(|s| s.project_id)),
            (
                "phone_index",
                bytes(|s| s.phone_index.as_ref().map(|index| &index[..])),
            ),
        ],
        Write::Update => [
            ("version", int(&|s| Some(s.version))),
            ("lease", int(&|s| Some(lease(s).0))),
        ],
    });
    Rows::new(stored.len(), columns)
}

impl Stored {
    pub fn of(
        vault: &Vault,
        write: Write,
        v: &Verification,
        reuse_key: [u8; 16],
        wake_at: Option<DateTime<Utc>>,
        lease: Lease,
    ) -> Self {
        let seal = || {
            let phone = v.phone.as_ref().map_or("", PhoneNumber::as_str);
            let code = v.code.as_ref().map_or("", Code::as_str);
            vault.seal(v.id.uuid().as_bytes(), &plain(phone, code))
        };
        let is_new = write == Write::Insert;
        let attempts = &v.record.attempts;
        Self {
            id: v.id.uuid(),
            change_id: i64::from_be_bytes(random()),
            project_id: v.project.0,
            version: v.version,
            status: v.record.status.as_str(),
            phone_index: v
                .phone
                .as_ref()
                .filter(|_| is_new)
                .map(|phone| phone_index(vault, phone)),
            reuse_key,
            sealed: (is_new || !v.is_sealed).then(seal),
            code_hash: v.code_hash.0,
            packed: packed::pack(&v.record),
            is_unknown: wake_at.is_some()
                && attempts.iter().any(|a| a.status == AttemptStatus::Unknown),
            wake_at,
            lease,
        }
    }
}

/// A number and a code as they are sealed; each may be erased, and is empty then.
pub(super) fn plain(phone: &str, code: &str) -> Vec<u8> {
    [phone, "|", code].concat().into_bytes()
}

/// A keyed hash of the number, to look it up by.
fn phone_index(vault: &Vault, phone: &PhoneNumber) -> [u8; 16] {
    index_of(vault, phone.as_str())
}

pub(super) fn index_of(vault: &Vault, phone: &str) -> [u8; 16] {
    vault.lookup(&[b"phone", phone.as_bytes()])
}
