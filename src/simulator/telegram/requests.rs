//! Known requests and account balances.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::request::Request;
use super::wire::{Money, Refusal};
use crate::simulator::digest::{TokenHash, random_bytes};
use crate::simulator::world::lock;

const REQUESTS: usize = 20_000;
const ACCOUNTS: usize = 1_000;
/// What an account holds at first, in hundredths like all balances here.
pub const FIRST_BALANCE: i32 = 100 * 100;
pub(super) const FEE: Money = Money(1);

/// At most 20,000 requests and 1,000 accounts; the oldest are dropped first.
#[derive(Debug)]
pub(in crate::simulator) struct Requests {
    by_id: HashMap<u64, Arc<Mutex<Request>>>,
    by_age: VecDeque<u64>,
    balances: HashMap<TokenHash, i32>,
    accounts_by_age: VecDeque<TokenHash>,
    /// What a new account holds.
    first_balance: i32,
}

impl Requests {
    pub(in crate::simulator) fn new(first_balance: i32) -> Self {
        Self {
            by_id: HashMap::new(),
            by_age: VecDeque::new(),
            balances: HashMap::new(),
            accounts_by_age: VecDeque::new(),
            first_balance,
        }
    }

    /// Another account's request counts as unknown.
    pub(super) fn find(
        &self,
        account: TokenHash,
        id: &str,
    ) -> Result<Arc<Mutex<Request>>, Refusal> {
        let number: u64 = id.parse().map_err(|_| Refusal::RequestIdInvalid)?;
        self.by_id
            .get(&number)
            .filter(|request| {
                let request = lock(request);
                request.account() == account && request.id().to_string() == id
            })
            .cloned()
            .ok_or(Refusal::RequestIdInvalid)
    }

    /// Charges the fee and stores a request under a new id.
    pub(super) fn charge(
        &mut self,
        account: TokenHash,
        make: impl FnOnce(u64) -> Request,
    ) -> (Arc<Mutex<Request>>, Money) {
        let balance = self.balance(account);
        if *balance < FEE.0 {
            // The sandbox must not run out under load; numbers ending in 0003 simulate an empty account.
            tracing::info!("the simulated Telegram account is empty; refilling it to 100.00");
            *balance = FIRST_BALANCE;
        }
        *balance -= FEE.0;
        let remaining = Money(*balance);

        let random = u64::from_le_bytes(random_bytes());
        let mut id = 100_000_000_000_000 + random % 900_000_000_000_000;
        while self.by_id.contains_key(&id) {
            id += 1;
        }
        let request = Arc::new(Mutex::new(make(id)));
        self.by_id.insert(id, Arc::clone(&request));
        self.by_age.push_back(id);
        if self.by_age.len() > REQUESTS
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        (request, remaining)
    }

    pub(super) fn refund(&mut self, account: TokenHash) {
        *self.balance(account) += FEE.0;
    }

    fn balance(&mut self, account: TokenHash) -> &mut i32 {
        if !self.balances.contains_key(&account) {
            self.accounts_by_age.push_back(account);
            if self.accounts_by_age.len() > ACCOUNTS
                && let Some(oldest) = self.accounts_by_age.pop_front()
            {
                self.balances.remove(&oldest);
            }
        }
        self.balances.entry(account).or_insert(self.first_balance)
    }
}
