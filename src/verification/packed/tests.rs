//! Every record survives, and nothing else is taken for one.

use std::fmt::Debug;
use std::time::Duration;

use chrono::{DateTime, Utc};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use super::*;
use crate::message::Wording;
use crate::money::{Currency, Micros, Money};
use crate::trace::{Context, SpanId, TraceId};
use crate::verification::abilities::{Abilities, Charged, Reports, TellsPrice, Ttl};
use crate::verification::asked::{Asked, Face, LimitKey, Tag};
use crate::verification::attempt::{
    Ask, Attempt, AttemptStatus, Bill, FollowUp, FollowUpKind, Reason,
};
use crate::verification::budget::{Hold, Period};
use crate::verification::cost::{Cost, CostState};
use crate::verification::event::{Event, EventKind};
use crate::verification::origin::{Origin, Requester, TraceHash};
use crate::verification::phone::{Country, LineType};
use crate::verification::route::{Channel, Stages, Step};
use crate::verification::{Status, Terms};

/// One attempt by SMS, delivered and charged to one budget, and the code was entered.
const TYPICAL: &str = r#"{
    "country": "UZ",
    "status": {"approved": {"at": "2026-11-05T10:00:21.204518Z", "channel": "sms"}},
    "terms": {"max_checks": 5, "max_sends": 3, "resend_after": "30s", "route": [
        {"channel": "telegram", "wait": "15s"}, {"channel": "sms", "wait": "1m"}]},
    "wording": {"locale": "uz"},
    "origin": {"prefix": "CQkJCQkJCQk", "line": "mobile", "requester": {
        "ip": "AQEBAQEBAQE", "networks": ["AgICAgICAgI"], "user_agent": "BAQEBAQEBAQ", "locale": "uz"}},
    "sms_price": {"amount": "0.0545", "currency": "USD"},
    "attempts": [{
        "ordinal": 1, "step": 1, "channel": "sms", "provider": "main", "status": "delivered",
        "cost": {"money": {"amount": "0.0545", "currency": "USD"}, "state": "charged", "guessed": true},
        "holds": [{"period": "month", "amount": {"amount": "0.0545", "currency": "USD"}, "of": "0.0545",
            "of_currency": "USD", "spent": 54500}],
        "message_id": "SM3f0a1b5c7d9e4f608172a3b4c5d6e7f8",
        "created_at": "2026-11-05T10:00:00.123456Z", "updated_at": "2026-11-05T10:00:04.902113Z", "entries": 1}],
    "checks_used": 1,
    "sends_used": 1,
    "last_send_at": "2026-11-05T10:00:00.123456Z",
    "created_at": "2026-11-05T10:00:00.123456Z",
    "expires_at": "2026-11-05T10:10:00.123456Z",
    "events": [
        {"seq": 1, "at": "2026-11-05T10:00:00.123456Z", "kind": "verification.created"},
        {"seq": 2, "at": "2026-11-05T10:00:00.641007Z", "kind": "attempt.charged", "attempt": 1,
            "money": {"amount": "0.0545", "currency": "USD"}},
        {"seq": 3, "at": "2026-11-05T10:00:00.641007Z", "kind": "verification.sent", "attempt": 1},
        {"seq": 4, "at": "2026-11-05T10:00:21.204518Z", "kind": "verification.approved", "attempt": 1}]
}"#;

/// With every optional field, as few verifications have them.
const FULL: &str = r#"{
    "country": "001",
    "status": "failed",
    "terms": {"max_checks": 300, "max_sends": 3, "resend_after": "250ms", "route": [
        {"channel": "carrier_pigeon", "wait": "7d", "approve_within": "90s"}]},
    "payload": "order 17 – déjà vu",
    "wording": {"locale": "fr", "web_domain": "example.com", "android_app_hash": "FA+9qCX9VSu",
        "template": "Code {code}"},
    "origin": {"prefix": "CQkJCQkJCQk", "line": "voip"},
    "sms_price": {"amount": "-0.05", "currency": "EUR"},
    "attempts": [{
        "ordinal": 200, "step": 3, "channel": "telegram", "provider": "telegram",
        "abilities": {"reports": "by_asking", "ask": true, "tells_price": "in_report", "charged": "on_delivery",
            "revoke": true, "told_of_success": true, "ttl": {"per_message": {"least": 30, "most": 3600}}},
        "status": "unknown", "reason": "interrupted",
        "cost": {"money": {"amount": "0", "currency": "USD"}, "state": "free", "waived": "0.01"},
        "holds": [{"period": "day", "country": "GB", "amount": {"amount": "9000000", "currency": "GBP"}, "of": "0.01",
            "of_currency": "USD", "reserved": -1, "spent": 9223372036854775807}],
        "message_id": "17",
        "created_at": "1969-12-31T23:59:59.999999Z", "updated_at": "2026-11-05T10:00:00Z", "entries": 15,
        "ask": {"due": "+262142-12-31T23:59:59.999999999Z", "asked": 7, "reports": true},
        "bill": {"due": "-262143-01-01T00:00:00Z", "asked": 1},
        "follow_up": {"kind": "revoke", "due": "2026-11-05T10:00:01Z", "tries": 2},
        "gave_way": true, "told": true}],
    "checks_used": 4294967295,
    "sends_used": 0,
    "last_send_at": "2026-11-05T10:00:00Z",
    "created_at": "2026-11-05T10:00:00Z",
    "expires_at": "2026-11-05T10:00:00Z",
    "events": [{"seq": 4294967295, "at": "2026-11-05T10:00:00Z", "kind": "attempt.drift", "attempt": 255,
        "reason": "canceled", "money": {"amount": "0.000001", "currency": "USD"}}]
}"#;

// They in the first version of the form, which must stay readable for ever.
const TYPICAL_PACKED: &str = "\
    010b80c1caac96e1af06ff979abc0400555a0101000503b0ea0102000098750001e0d4030107010101046d61696e0801c8d3\
    065553440100c2aac704010502c8d30600c8d30600c8d30622534d3366306131623563376439653466363038313732613362\
    34633564366537663801040001c1aac704000302de963f1201c8d3060001030001010104ee98ce1305010100010109090909\
    09090909000f0101010101010101010202020202020202040404040404040402757ac8d306000102757a";
const FULL_PACKED: &str = "\
    010f80a0a1f091e1af0600005a5affffffff0f0000ac0203fa010101020e636172726965725f706967656f6e8088b2a00290\
    bf0501ff07c803000874656c656772616d02020055534404a09c0181a0a1f091e1af0682a0a1f091e1af06010f0180c0ec9c\
    ef8b04474250a09c0155534401feffffffffffffffff0147420231370f0901fedfedfc9dadadeae3010701018280ade0b987\
    e9e43407020101001e901c010180a9dfa3a8cbe9b0e701020107ffffffff0fff887a15ff02000c0500090909090909090903\
    9f8d06455552166f7264657220313720e280932064c3a96ac3a02076750f0266720b6578616d706c652e636f6d0b46412b39\
    714358395653750b436f6465207b636f64657d";

fn typical() -> Record {
    serde_json::from_str(TYPICAL).unwrap()
}

#[test]
fn the_first_form_stays_readable() {
    for (json, packed) in [(TYPICAL, TYPICAL_PACKED), (FULL, FULL_PACKED)] {
        let record: Record = serde_json::from_str(json).unwrap();
        assert_eq!(hex::encode(pack(&record)), packed);
        assert_eq!(unpack(&hex::decode(packed).unwrap()), Ok(record));
    }
}

#[test]
fn it_is_a_seventh_of_the_json() {
    let json = serde_json::to_vec(&typical()).unwrap();
    assert_eq!((pack(&typical()).len(), json.len()), (192, 1449));
}

#[test]
fn variants_keep_their_numbers() {
    /// The JSON of the variants by number, without quotes.
    fn names<T: Packed + serde::Serialize>() -> String {
        let name = |number| {
            let variant = T::unpack(&mut Reader::new(&[number])).ok()?;
            Some(serde_json::to_string(&variant).unwrap())
        };
        let names: Vec<_> = (0..=u8::MAX).map_while(name).collect();
        names.join(" ").replace('"', "")
    }
    assert_eq!(
        names::<EventKind>(),
        "verification.created verification.sent verification.delivered verification.read verification.fallback \
         verification.approved verification.locked verification.expired verification.failed verification.reopened \
         verification.canceled verification.resend check.wrong attempt.refused attempt.failed attempt.undelivered \
         attempt.expired attempt.unknown attempt.charged attempt.refunded attempt.refund_expected attempt.drift"
    );
    assert_eq!(
        names::<Reason>(),
        "unreachable number_invalid paused no_price budget_exhausted throttled unavailable provider_rejected \
         no_answer interrupted not_delivered revoked canceled code_not_carried guard"
    );
    assert_eq!(
        names::<AttemptStatus>(),
        "queued sending unknown sent expired undelivered failed refused delivered read"
    );
    assert_eq!(
        names::<CostState>(),
        "estimated charged refunded refund_expected free"
    );
    assert_eq!(
        names::<LineType>(),
        "mobile fixed_line fixed_or_mobile voip other"
    );
    assert_eq!(
        names::<Reports>(),
        "per_attempt per_account by_asking on_session none"
    );
    assert_eq!(names::<TellsPrice>(), "in_answer in_report by_asking never");
    assert_eq!(names::<Charged>(), "on_acceptance on_delivery");
    assert_eq!(names::<Period>(), "hour day month");
    assert_eq!(names::<FollowUpKind>(), "report_success revoke");
    assert_eq!(names::<Face>(), "native telegram twilio vonage");
    let numbered = [
        (0, Status::Pending),
        (2, Status::Expired),
        (3, Status::Canceled),
        (4, Status::Locked),
    ];
    for (number, status) in numbered {
        assert_eq!(Status::unpack(&mut Reader::new(&[number])), Ok(status));
    }
    let without = [(1, Ttl::Template), (2, Ttl::None)];
    for (number, ttl) in without {
        assert_eq!(Ttl::unpack(&mut Reader::new(&[number])), Ok(ttl));
    }
}

#[test]
fn what_is_cut_short_or_goes_on_is_refused() {
    let mut bytes = pack(&typical());
    for length in 1..bytes.len() {
        assert_eq!(unpack(&bytes[..length]), Err(Damaged::Short), "{length}");
    }
    assert_eq!(unpack(&[]), Err(Damaged::Short));
    bytes.push(0);
    assert_eq!(unpack(&bytes), Err(Damaged::LeftOver));
    bytes[0] = 2;
    assert_eq!(unpack(&bytes), Err(Damaged::Version(2)));
}

#[test]
fn a_changed_byte_is_refused_or_gives_another_record() {
    let bytes = pack(&typical());
    for place in 0..bytes.len() {
        for change in 1..=u8::MAX {
            let mut changed = bytes.clone();
            changed[place] ^= change;
            survives_if_read(&changed);
        }
    }
}

#[test]
fn numbers_are_short_and_bounded() {
    let written = |number| {
        let mut out = Writer::default();
        out.signed(number);
        out.into_bytes()
    };
    for (number, length) in [
        (0, 1),
        (-64, 1),
        (63, 1),
        (64, 2),
        (i64::MIN, 10),
        (i64::MAX, 10),
    ] {
        let bytes = written(number);
        assert_eq!(bytes.len(), length, "{number}");
        assert_eq!(Reader::new(&bytes).signed(), Ok(number));
    }
    let too_large = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
    assert_eq!(Reader::new(&too_large).number(), Err(Damaged::Value));
    let endless = [0x80; 20];
    assert_eq!(Reader::new(&endless).number(), Err(Damaged::Value));
    // A text as long as the address space.
    let long = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, b'a',
    ];
    assert_eq!(Reader::new(&long).text(), Err(Damaged::Short));
    // As many events.
    let many = &long[..10];
    let events = Vec::<Event>::unpack(&mut Reader::new(many));
    assert_eq!(events, Err(Damaged::Short));
}

#[test]
fn a_field_that_is_not_known_is_refused() {
    assert_eq!(Reader::new(&[0b100]).presence::<2>(), Err(Damaged::Value));
    assert_eq!(Reader::new(&[0b10]).presence::<2>(), Ok([false, true]));
    assert_eq!(Reader::new(&[0]).presence::<0>(), Ok([]));
}

#[test]
fn a_later_channel_stored_by_number_or_a_known_one_by_name_is_refused() {
    let named = |name: &[u8]| {
        let length = u8::try_from(name.len()).unwrap();
        let bytes = [&[2, length], name].concat();
        Channel::unpack(&mut Reader::new(&bytes))
    };
    assert_eq!(Channel::unpack(&mut Reader::new(&[3])), Err(Damaged::Value));
    assert_eq!(named(b"carrier_pigeon").unwrap().stored(), "carrier_pigeon");
    for wrong in [&b"two words"[..], b"a_name_of_17_byte"] {
        assert_eq!(named(wrong), Err(Damaged::Value));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_survives(record in record()) {
        let bytes = pack(&record);
        prop_assert_eq!(unpack(&bytes), Ok(record.clone()));
        let json = serde_json::to_string(&record).unwrap();
        let from_json: Record = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(pack(&from_json), bytes, "both forms say the same");
        prop_assert_eq!(from_json, record);
    }

    #[test]
    fn no_part_of_a_record_is_one(record in record(), change in 1_u8.., from in 0_usize..20) {
        let bytes = pack(&record);
        // A part of the places each time, as there are many.
        for place in (from..bytes.len()).step_by(20) {
            prop_assert!(unpack(&bytes[..place]).is_err());
            let mut changed = bytes.clone();
            changed[place] ^= change;
            survives_if_read(&changed);
        }
    }

    #[test]
    fn junk_does_no_harm(mut junk in vec(any::<u8>(), 0..400), small in vec(0_u8..6, 0..400)) {
        survives_if_read(&junk);
        if let Some(first) = junk.first_mut() {
            *first = VERSION;
        }
        survives_if_read(&junk);
        // Small numbers get further.
        survives_if_read(&[&[VERSION], &small[..]].concat());
    }
}

fn survives_if_read(bytes: &[u8]) {
    if let Ok(record) = unpack(bytes) {
        assert_eq!(unpack(&pack(&record)), Ok(record));
    }
}

fn record() -> impl Strategy<Value = Record> {
    let terms = (
        any::<u32>(),
        any::<u32>(),
        span(),
        vec(step(), 0..4),
        of(span()),
        of((vec(any::<u8>(), 0..4), span())),
    )
        .prop_map(
            |(max_checks, max_sends, resend_after, route, begin_within, stages)| Terms {
                max_checks,
                max_sends,
                resend_after,
                route,
                begin_within,
                stages: stages.map(|(begins, each)| Stages { begins, each }),
            },
        );
    let status = prop_oneof![
        4 => each::<Status>(),
        1 => (time(), channel()).prop_map(|(at, channel)| Status::Approved { at, channel }),
    ];
    let texts = (of(".{0,40}"), wording(), of(origin()), of(money()));
    let times = (time(), time(), time());
    let lists = (vec(attempt(), 0..4), vec(event(), 0..40));
    let counts = (any::<u32>(), any::<u32>());
    let key = (".{0,8}", any::<[u8; 8]>()).prop_map(|(name, hash)| LimitKey {
        name,
        value: TraceHash(hash),
    });
    let known = (of(asked()), any::<bool>(), any::<bool>());
    let site = (known, vec(key, 0..3), of(trace()));
    (country(), status, terms, texts, times, lists, counts, site).prop_map(
        |(country, status, terms, texts, times, lists, counts, site)| Record {
            country,
            status,
            terms,
            payload: texts.0,
            asked: site.0.0.map(Box::new),
            is_outside_code: site.0.1,
            is_vouched_for: site.0.2,
            limit_keys: site.1,
            trace: site.2.map(Box::new),
            wording: texts.1,
            origin: texts.2,
            sms_price: texts.3,
            attempts: lists.0,
            checks_used: counts.0,
            sends_used: counts.1,
            last_send_at: times.0,
            created_at: times.1,
            expires_at: times.2,
            events: lists.1,
        },
    )
}

fn asked() -> impl Strategy<Value = Asked> {
    let id = || any::<u128>().prop_map(Uuid::from_u128);
    let face = prop_oneof![each(), id().prop_map(|id| Face::Integration { id })];
    let tag = (".{0,8}", ".{0,8}").prop_map(|(name, value)| Tag { name, value });
    let request = of(any::<[u8; 8]>().prop_map(TraceHash));
    let named = (of(".{0,20}"), of(".{0,8}"), vec(tag, 0..3));
    (face, of(id()), named, request).prop_map(|(face, key, (report_to, channel, tags), request)| {
        Asked {
            face,
            key,
            report_to,
            channel,
            tags,
            request,
        }
    })
}

fn trace() -> impl Strategy<Value = Context> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<u8>());
    (ids, of(".{0,20}")).prop_map(|((trace, span, flags), state)| Context {
        trace: TraceId(trace),
        span: SpanId(span),
        flags,
        state,
    })
}

/// Every variant that has no fields.
fn each<T: Packed + Clone + Debug + 'static>() -> impl Strategy<Value = T> {
    let read = |number| T::unpack(&mut Reader::new(&[number])).ok();
    select((0..=u8::MAX).filter_map(read).collect::<Vec<_>>())
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    const USUAL: i64 = 1_790_000_000_000_000;
    let at = |micros| DateTime::from_timestamp_micros(micros).unwrap();
    let extreme = vec![
        DateTime::<Utc>::MIN_UTC,
        DateTime::<Utc>::MAX_UTC,
        DateTime::UNIX_EPOCH,
        at(DateTime::<Utc>::MAX_UTC.timestamp_micros() - 1),
        at(-1),
    ];
    prop_oneof![
        6 => (USUAL..USUAL + 1_000_000_000).prop_map(at),
        2 => Just(at(USUAL)),
        1 => select(extreme),
    ]
}

fn span() -> impl Strategy<Value = Duration> {
    const TEN_YEARS: u64 = 3_650 * 86_400_000;
    let seconds = (0_u64..900).prop_map(Duration::from_secs);
    prop_oneof![seconds, (0..=TEN_YEARS).prop_map(Duration::from_millis)]
}

fn currency() -> impl Strategy<Value = Currency> {
    prop_oneof![
        3 => Just(Currency::USD),
        1 => "[A-Z]{3}".prop_map(|code| code.parse().unwrap()),
    ]
}

/// As JSON has them: up to ten thousand million units.
fn micros() -> impl Strategy<Value = Micros> {
    const LARGEST: i64 = 10_000_000_000 * 1_000_000;
    prop_oneof![-100_000..100_000_i64, -LARGEST..=LARGEST].prop_map(Micros)
}

fn money() -> impl Strategy<Value = Money> {
    (micros(), currency()).prop_map(|(amount, currency)| Money::new(amount, currency))
}

fn country() -> impl Strategy<Value = Country> {
    prop_oneof![
        4 => "[A-Z]{2}".prop_map(|code| code.parse().unwrap()),
        1 => Just(Country::NONE),
    ]
}

fn channel() -> impl Strategy<Value = Channel> {
    prop_oneof![
        4 => select(Channel::ALL.to_vec()),
        1 => "[!-~]{0,20}".prop_map(|name| Channel::from_storage(&name)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (channel(), span(), of(span())).prop_map(|(channel, wait, approve_within)| Step {
        channel,
        wait,
        approve_within,
    })
}

fn wording() -> impl Strategy<Value = Wording> {
    let text = || of(".{0,12}");
    let some = (text(), text(), text(), text(), any::<bool>()).prop_map(
        |(locale, web_domain, android_app_hash, template, is_message)| Wording {
            locale,
            web_domain,
            android_app_hash,
            template,
            is_message,
        },
    );
    prop_oneof![Just(Wording::default()), some]
}

fn origin() -> impl Strategy<Value = Origin> {
    let hash = || any::<[u8; 8]>().prop_map(TraceHash);
    let network = (of(any::<u32>()), of(country()), any::<bool>());
    let known = (
        of(hash()),
        vec(hash(), 0..3),
        of(hash()),
        of(".{0,8}"),
        network,
    )
        .prop_map(
            |(ip, networks, user_agent, locale, (asn, country, is_allowed))| Requester {
                ip,
                networks,
                user_agent,
                asn,
                country,
                is_allowed,
                locale,
            },
        );
    let requester = prop_oneof![1 => Just(Requester::default()), 3 => known];
    (hash(), each(), requester).prop_map(|(prefix, line, requester)| Origin {
        prefix,
        line,
        requester,
    })
}

fn abilities() -> impl Strategy<Value = Abilities> {
    let per_message = any::<(u32, u32)>().prop_map(|(least, most)| Ttl::PerMessage { least, most });
    let ttl = prop_oneof![each(), per_message];
    (each(), each(), each(), ttl, any::<[bool; 3]>()).prop_map(
        |(reports, tells_price, charged, ttl, [ask, revoke, told_of_success])| Abilities {
            reports,
            ask,
            tells_price,
            charged,
            revoke,
            told_of_success,
            ttl,
        },
    )
}

fn cost() -> impl Strategy<Value = Cost> {
    (money(), each(), any::<bool>(), of(micros())).prop_map(|(money, state, guessed, waived)| {
        Cost {
            money,
            state,
            guessed,
            waived,
        }
    })
}

fn hold() -> impl Strategy<Value = Hold> {
    let amounts = (money(), micros(), of(currency()));
    let sums = prop_oneof![Just((0, 0)), any::<(i64, i64)>()];
    (each(), of(country()), amounts, sums).prop_map(
        |(period, country, (amount, of, of_currency), (reserved, spent))| Hold {
            period,
            country,
            amount,
            of,
            of_currency,
            reserved,
            spent,
        },
    )
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let ask = (time(), any::<(u8, bool)>()).prop_map(|(due, (asked, reports))| Ask {
        due,
        asked,
        reports,
    });
    let bill = (of(time()), any::<u8>()).prop_map(|(due, asked)| Bill { due, asked });
    let follow_up =
        (each(), time(), any::<u8>()).prop_map(|(kind, due, tries)| FollowUp { kind, due, tries });
    let numbers = any::<(u8, u8, u8, bool, bool)>();
    let names = (channel(), ".{0,20}", of(".{0,40}"), of(abilities()));
    let state = (each(), of(each()), cost(), vec(hold(), 0..4));
    let plans = (of(ask), of(bill), of(follow_up));
    (numbers, names, state, (time(), time()), plans).prop_map(
        |(numbers, names, state, times, plans)| Attempt {
            ordinal: numbers.0,
            step: numbers.1,
            channel: names.0,
            provider: names.1,
            abilities: names.3,
            status: state.0,
            reason: state.1,
            cost: state.2,
            holds: state.3,
            message_id: names.2,
            created_at: times.0,
            updated_at: times.1,
            entries: numbers.2,
            ask: plans.0,
            bill: plans.1,
            follow_up: plans.2,
            gave_way: numbers.3,
            follow_up_planned: numbers.4,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let seq = prop_oneof![1..20_u32, any::<u32>()];
    (
        seq,
        time(),
        each(),
        of(any::<u8>()),
        of(each()),
        of(money()),
    )
        .prop_map(|(seq, at, kind, attempt, reason, money)| Event {
            seq,
            at,
            kind,
            attempt,
            reason,
            money,
        })
}
