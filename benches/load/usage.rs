//! What the processes use, from Linux's `/proc`. Elsewhere nothing is known.

use std::fs;
use std::time::Duration;

/// `utime` and `stime` of `/proc/PID/stat` count hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Whose processor time counts.
#[derive(Clone)]
pub struct Processes {
    /// Of all replicas.
    pub gateway: Vec<u32>,
    pub postgres: Option<u32>,
    pub redis: Option<u32>,
}

/// Processor time used so far.
#[derive(Clone, Copy)]
pub struct Cpu {
    pub gateway: Option<Duration>,
    pub postgres: Option<Duration>,
    pub redis: Option<Duration>,
}

impl Processes {
    pub fn cpu(&self) -> Cpu {
        let own = |process| Some(TICK * Stat::read(process)?.own);
        Cpu {
            gateway: self.gateway.iter().map(|one| own(*one)).sum(),
            postgres: self.postgres.and_then(with_children),
            redis: self.redis.and_then(own),
        }
    }

    /// Resets [`Self::peak_memory`], if the system permits.
    pub fn forget_peak_memory(&self) {
        for process in &self.gateway {
            let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
        }
    }

    /// Peak resident memory of all replicas in MiB.
    pub fn peak_memory(&self) -> Option<f64> {
        self.memory("VmHWM:")
    }

    /// Resident memory of all replicas in MiB.
    pub fn resident_memory(&self) -> Option<f64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> Option<f64> {
        let of = |process: &u32| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kib / 1024.0)
        };
        self.gateway.iter().map(of).sum()
    }
}

/// Processor time of a server and its child processes, also of those that have ended.
fn with_children(server: u32) -> Option<Duration> {
    let stat = Stat::read(server)?;
    let children: u32 = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Stat::read)
        .filter(|child| child.parent == server)
        .map(|child| child.own)
        .sum();
    Some(TICK * (stat.own + stat.ended_children + children))
}

/// Fields of `/proc/PID/stat`. Times are in ticks.
struct Stat {
    parent: u32,
    own: u32,
    ended_children: u32,
}

impl Stat {
    fn read(process: u32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The process name in parentheses may contain anything. Field 3 of proc_pid_stat(5) is the first after it.
        let fields: Vec<_> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
        Some(Self {
            parent: field(4)?,
            own: field(14)? + field(15)?,
            ended_children: field(16)? + field(17)?,
        })
    }
}
