//! A sharded map that holds no more than its bytes: the idle go first.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What such a map holds.
pub(super) trait Entry: Default {
    /// Bytes besides its own.
    fn heap(&self) -> usize;
    /// Nothing of it counts any more.
    fn is_over(&mut self, now: i64) -> bool;
    /// The lowest goes first: its rank, then when it was last used in seconds since 1970.
    fn idle(&self) -> (u8, u32);
}

/// The same in each run, so that a back-test forgets the same. Keys are keyed hashes, which nobody can choose.
type Hasher = BuildHasherDefault<DefaultHasher>;

pub(super) struct Bounded<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    /// Bytes of one shard.
    most: usize,
}

struct Shard<K, V> {
    entries: HashMap<K, V, Hasher>,
    /// Bytes of the entries besides their own.
    heap: usize,
}

impl<K: Copy + Eq + Hash, V: Entry> Bounded<K, V> {
    /// `shards`: a power of two.
    pub(super) fn new(shards: usize, bytes: usize) -> Self {
        let shards = shards.next_power_of_two();
        let empty = || {
            Mutex::new(Shard {
                entries: HashMap::default(),
                heap: 0,
            })
        };
        Self {
            shards: std::iter::repeat_with(empty).take(shards).collect(),
            most: bytes / shards,
        }
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K, V>> {
        let hash = Hasher::default().hash_one(key);
        // Not the bits that the map itself uses.
        let place = (hash >> 32) as usize & (self.shards.len() - 1);
        lock(&self.shards[place])
    }

    pub(super) fn read<R>(&self, key: &K, read: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.shard(key).entries.get_mut(key).map(read)
    }

    /// Changes an entry, or a new one. `now`: seconds since 1970.
    pub(super) fn change<R>(&self, key: K, now: i64, change: impl FnOnce(&mut V) -> R) -> R {
        let mut shard = self.shard(&key);
        let shard = &mut *shard;
        if shard.entries.len() == shard.entries.capacity() && !shard.entries.contains_key(&key) {
            shard.make_room(self.most, now);
        }
        let entry = shard.entries.entry(key).or_default();
        let before = entry.heap();
        let changed = change(entry);
        shard.heap = (shard.heap + entry.heap()).saturating_sub(before);
        if shard.bytes(shard.entries.capacity()) > self.most {
            shard.sweep(self.most, now);
        }
        changed
    }

    pub(super) fn remove(&self, key: &K) -> Option<V> {
        let mut shard = self.shard(key);
        let entry = shard.entries.remove(key)?;
        shard.heap = shard.heap.saturating_sub(entry.heap());
        Some(entry)
    }

    /// Shard by shard, so that traffic never waits for all.
    pub(super) fn each(&self, mut see: impl FnMut(&K, &mut V)) {
        for shard in &self.shards {
            for (key, entry) in &mut lock(shard).entries {
                see(key, entry);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| lock(shard).entries.len()).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        let bytes = |shard: &Mutex<Shard<K, V>>| {
            let shard = lock(shard);
            shard.bytes(shard.entries.capacity())
        };
        self.shards.iter().map(bytes).sum()
    }
}

impl<K: Copy + Eq + Hash, V: Entry> Shard<K, V> {
    /// With room for so many entries. The map keeps up to 8 places for 7 entries, and a byte for each.
    fn bytes(&self, capacity: usize) -> usize {
        capacity * 8 / 7 * (size_of::<(K, V)>() + 1) + self.heap
    }

    /// Before the map doubles.
    fn make_room(&mut self, most: usize, now: i64) {
        let doubled = (self.entries.capacity() * 2).max(3);
        if self.bytes(doubled) > most {
            self.drop_idle(self.entries.len() / 8 + 1, now);
        }
    }

    /// What the entries hold has grown.
    fn sweep(&mut self, most: usize, now: i64) {
        self.drop_idle(self.entries.len() / 8 + 1, now);
        while self.bytes(self.entries.capacity()) > most && !self.entries.is_empty() {
            self.drop_idle(self.entries.len() / 8 + 1, now);
            if self.heap <= most / 2 {
                self.entries.shrink_to_fit();
            }
        }
    }

    /// Drops what is over, and if that is too little, what was idle longest.
    fn drop_idle(&mut self, least: usize, now: i64) {
        let before = self.entries.len();
        let heap = &mut self.heap;
        self.entries.retain(|_, entry| {
            let held = entry.heap();
            let is_over = entry.is_over(now);
            let left = if is_over { 0 } else { entry.heap() };
            *heap = heap.saturating_sub(held - left.min(held));
            !is_over
        });
        let missing = least.saturating_sub(before - self.entries.len());
        if missing == 0 {
            return;
        }
        let mut idle: Vec<_> = self
            .entries
            .iter()
            .map(|(key, it)| (it.idle(), *key))
            .collect();
        let last = missing.min(idle.len()).saturating_sub(1);
        if idle.is_empty() {
            return;
        }
        idle.select_nth_unstable_by_key(last, |(idle, _)| *idle);
        for (_, key) in &idle[..=last] {
            if let Some(entry) = self.entries.remove(key) {
                self.heap = self.heap.saturating_sub(entry.heap());
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
