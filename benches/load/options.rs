//! The command line. To add an option: its field, its default, its arm, and its line in [`USAGE`].

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub const USAGE: &str = "\
cargo bench --bench load -- [OPTIONS]

  --engine sqlite|postgres   the gateway's database [sqlite]
  --connections N[,N…]       concurrent clients; runs all phases once per number [16,64]
  --seconds N                duration of a phase [10]
  --phases NAME[,NAME…]      which to measure [all]:
                               create     create and send
                               right      right code, sent by SMS
                               telegram   right code, sent by Telegram, to which the success is reported
                               wrong      wrong code
                               slow       create with a slow provider, not waiting for it
                               faulty     create with a provider of which 5 % of the answers are an HTTP 500 (2 %),
                                          an HTTP 400 (2 %) or unreadable (1 %)
                               ceiling    a bare server with the same promise: what the machine allows
                             and, only if named:
                               by_telegram, telegram_gateway, twilio, vonage, hook
                                          create by Telegram: in our own words, in those of the Telegram Gateway, of
                                          Twilio Verify and of Vonage Verify, and for an identity server's hook
                               slow_hook  hook, with the slow provider
                               soak       creates at a fixed rate, each followed after 3 s by a right check, every fifth by
                                          a wrong one first; latency counts from when a request was due. Postgres makes
                                          checkpoints and vacuums more often meanwhile, by ALTER SYSTEM
  --rate N                   creates per second of the soak [80 % of what all connections reach in 10 s before it]
  --requests N               ends the create phase after N requests, all to different numbers, not after its time
  --filled N[,N]             past, ended verifications with which the database is filled before the phases [0];
                             with two, measures both in turn, and prints the ratio of the second to the first;
                             the gateway starts anew between, also if one of two is 0
  --unmoved                  they are in the hot table, as after an upgrade, and are moved while the phases run
  --replicas N               gateways on one Postgres and Redis, over which the connections are spread; figures of the gateway
                             are sums, and a soak or a hook knows the first one only [1]
  --limits on|off            the default limits and a day's budget, too high to refuse anything [on]
  --delay-ms N               response time of the slow provider [300]
  --binary PATH              the pinroute binary to test [the one built with this program]
  --against PATH             a second binary, run in turn with the first; prints the medians of both and their ratio
  --rounds N                 how often to measure each binary [1; 5 with --against]
  --database-url URL         a Postgres server, where the database pinroute_load is dropped and created for each run;
                             required with --engine postgres
  --redis-url URL            a Redis for limits, emptied before each run [none: in the process]
  --postgres-pid PID         process id of Postgres, to measure its processor time
  --redis-pid PID            process id of Redis, likewise
  --hook COMMAND             run by sh before and after each measured phase, with ACTION (start or stop), PID of the
                             gateway, PHASE (its name above), CONNECTIONS and, at the end, REQUESTS in its environment
";

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Create,
    Right,
    Telegram,
    Wrong,
    Slow,
    Faulty,
    Ceiling,
    ByTelegram,
    TelegramGateway,
    Twilio,
    Vonage,
    Hook,
    SlowHook,
    Soak,
    /// The other half of [`Self::Soak`].
    SoakChecks,
}

impl Kind {
    /// Only if they are named.
    const NAMED: [Self; 7] = [
        Self::ByTelegram,
        Self::TelegramGateway,
        Self::Twilio,
        Self::Vonage,
        Self::Hook,
        Self::SlowHook,
        Self::Soak,
    ];

    /// Creates in the words of other services.
    pub const DIALECTS: [Self; 5] = [
        Self::TelegramGateway,
        Self::Twilio,
        Self::Vonage,
        Self::Hook,
        Self::SlowHook,
    ];

    const DEFAULT: [Self; 7] = [
        Self::Create,
        Self::Right,
        Self::Telegram,
        Self::Wrong,
        Self::Slow,
        Self::Faulty,
        Self::Ceiling,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Right => "right",
            Self::Telegram => "telegram",
            Self::Wrong => "wrong",
            Self::Slow => "slow",
            Self::Faulty => "faulty",
            Self::Ceiling => "ceiling",
            Self::ByTelegram => "by_telegram",
            Self::TelegramGateway => "telegram_gateway",
            Self::Twilio => "twilio",
            Self::Vonage => "vonage",
            Self::Hook => "hook",
            Self::SlowHook => "slow_hook",
            Self::Soak => "soak",
            Self::SoakChecks => "soak_checks",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Right => "check, right code",
            Self::Telegram => "check, right, by Telegram",
            Self::Wrong => "check, wrong code",
            Self::Slow => "create, slow provider",
            Self::Faulty => "create, faulty provider",
            Self::Ceiling => "bare ceiling",
            Self::ByTelegram => "create by Telegram",
            Self::TelegramGateway => "… as Telegram Gateway",
            Self::Twilio => "… as Twilio Verify",
            Self::Vonage => "… as Vonage Verify",
            Self::Hook => "… by an identity server",
            Self::SlowHook => "… and a slow provider",
            Self::Soak => "soak, create",
            Self::SoakChecks => "soak, check",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::DEFAULT.into_iter().chain(Self::NAMED);
        all.find(|kind| kind.name() == name)
            .ok_or_else(|| format!("unknown phase `{name}`"))
    }
}

pub struct Options {
    pub postgres: bool,
    pub connections: Vec<usize>,
    pub seconds: u64,
    pub phases: Vec<Kind>,
    /// Creates per second of the soak.
    pub rate: Option<u32>,
    pub requests: Option<u32>,
    pub filled: Vec<u32>,
    pub unmoved: bool,
    pub limits: bool,
    pub replicas: usize,
    pub delay: Duration,
    pub binary: PathBuf,
    pub against: Option<PathBuf>,
    pub rounds: usize,
    pub database_url: Option<String>,
    pub redis_url: String,
    pub postgres_pid: Option<u32>,
    pub redis_pid: Option<u32>,
    pub hook: Option<String>,
}

impl Options {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            postgres: false,
            connections: vec![16, 64],
            seconds: 10,
            phases: Kind::DEFAULT.to_vec(),
            rate: None,
            requests: None,
            filled: vec![0],
            unmoved: false,
            limits: true,
            replicas: 1,
            delay: Duration::from_millis(300),
            binary: PathBuf::from(env!("CARGO_BIN_EXE_pinroute")),
            against: None,
            rounds: 0,
            database_url: None,
            redis_url: String::new(),
            postgres_pid: None,
            redis_pid: None,
            hook: None,
        };
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{flag} needs a value"));
            match flag.as_str() {
                "--bench" => {} // from cargo
                "--engine" => {
                    options.postgres = one_of(&value()?, ["postgres", "sqlite"])?;
                }
                "--connections" => options.connections = list(&value()?, number)?,
                "--seconds" => options.seconds = number(&value()?)?,
                "--phases" => options.phases = list(&value()?, Kind::from_str)?,
                "--rate" => options.rate = Some(positive(&value()?)?),
                "--requests" => options.requests = Some(positive(&value()?)?),
                "--filled" => options.filled = list(&value()?, number)?,
                "--unmoved" => options.unmoved = true,
                "--replicas" => options.replicas = positive(&value()?)? as usize,
                "--limits" => options.limits = one_of(&value()?, ["on", "off"])?,
                "--delay-ms" => options.delay = Duration::from_millis(number(&value()?)?),
                "--binary" => options.binary = file(&value()?)?,
                "--against" => options.against = Some(file(&value()?)?),
                "--rounds" => options.rounds = number(&value()?)?,
                "--database-url" => options.database_url = Some(value()?),
                "--redis-url" => options.redis_url = value()?,
                "--postgres-pid" => options.postgres_pid = Some(number(&value()?)?),
                "--redis-pid" => options.redis_pid = Some(number(&value()?)?),
                "--hook" => options.hook = Some(value()?),
                _ => return Err(format!("unknown option `{flag}`")),
            }
        }
        if options.rounds == 0 {
            options.rounds = if options.against.is_some() { 5 } else { 1 };
        }
        if options.filled.len() > if options.against.is_some() { 1 } else { 2 } {
            return Err(String::from(
                "--filled takes two numbers at most, and one with --against",
            ));
        }
        if options.postgres && options.database_url.is_none() {
            return Err(String::from(
                "--engine postgres requires --database-url with a server, such as postgres://me@localhost/postgres; \
                 `./scripts/load` starts a temporary one",
            ));
        }
        let is_shared = options.postgres && !options.redis_url.is_empty();
        if options.replicas > 1 && !is_shared {
            return Err(String::from(
                "--replicas above 1 requires --engine postgres and --redis-url",
            ));
        }
        Ok(options)
    }

    pub fn engine(&self) -> &'static str {
        if self.postgres { "postgres" } else { "sqlite" }
    }

    pub fn measures(&self, kind: Kind) -> bool {
        self.phases.contains(&kind)
    }
}

/// Whether it is the first of the two.
fn one_of(value: &str, [first, second]: [&str; 2]) -> Result<bool, String> {
    match value {
        _ if value == first => Ok(true),
        _ if value == second => Ok(false),
        _ => Err(format!("`{value}` is neither `{first}` nor `{second}`")),
    }
}

fn list<T>(value: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    value.split(',').map(read).collect()
}

/// An absolute path, since the gateway runs in a folder of its own.
fn file(path: &str) -> Result<PathBuf, String> {
    std::fs::canonicalize(path).map_err(|error| format!("{path}: {error}"))
}

fn positive(text: &str) -> Result<u32, String> {
    match number(text)? {
        0 => Err(String::from("0 is too few")),
        positive => Ok(positive),
    }
}

fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a valid number"))
}
