//! The numbers of quotas.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::{Caller, Limit, QuotaConfig, QuotaRefusal, Quotas, Use};
use tidepool_protocol::{AgentId, TimeMs};

const START: TimeMs = TimeMs(1_795_600_000_000);

fn agent(number: u8, since: TimeMs) -> Caller {
    Caller::Agent { id: AgentId([number; 32]), since }
}

/// An agent that is no longer new.
fn old(number: u8) -> Caller {
    agent(number, TimeMs(START.0 - 100 * 86_400_000))
}

fn refused(quotas: &Quotas, caller: Caller, uses: &[Use], now: TimeMs) -> QuotaRefusal {
    quotas.charge(caller, uses, now).unwrap_err()
}

#[test]
fn a_full_bucket_gives_its_count_and_then_says_when() {
    let quotas = Quotas::new(QuotaConfig::moltbook());
    for left in (0..60).rev() {
        let allowance = quotas.charge(old(1), &[Use::Read], START).unwrap();
        assert_eq!((allowance.limit, allowance.remaining), (60, left));
        assert_eq!(allowance.reset_ms, START.plus_ms((60 - u64::from(left)) * 1000));
    }
    let refusal = refused(&quotas, old(1), &[Use::Read], START);
    assert_eq!((refusal.rule, refusal.limit, refusal.per_s), (Use::Read, 60, 60));
    assert_eq!((refusal.retry_after_ms, refusal.retry_after_s()), (1000, 1));
    assert_eq!(refusal.reset_ms, START.plus_ms(60_000));
    quotas.charge(old(1), &[Use::Read], START.plus_ms(1000)).unwrap();
    quotas.charge(old(2), &[Use::Read], START).unwrap();
}

#[test]
fn the_moltbook_preset_is_what_its_skill_file_documents() {
    let quotas = Quotas::new(QuotaConfig::moltbook());
    quotas.charge(old(1), &[Use::Post], START).unwrap();
    assert_eq!(refused(&quotas, old(1), &[Use::Post], START.plus_ms(60_000)).retry_after_s(), 29 * 60);
    quotas.charge(old(1), &[Use::Comment, Use::CommentDaily], START).unwrap();
    let refusal = refused(&quotas, old(1), &[Use::Comment, Use::CommentDaily], START.plus_ms(5_000));
    assert_eq!((refusal.rule, refusal.retry_after_s(), refusal.daily_remaining), (Use::Comment, 15, Some(49)));
    quotas.charge(old(1), &[Use::Community], START).unwrap();
    assert_eq!(refused(&quotas, old(1), &[Use::Community], START).retry_after_s(), 3600);
}

#[test]
fn a_new_agent_may_do_less_for_a_day() {
    let quotas = Quotas::new(QuotaConfig::moltbook());
    let young = agent(3, START);
    quotas.charge(young, &[Use::Post], START).unwrap();
    let refusal = refused(&quotas, young, &[Use::Post], START.plus_ms(3_600_000));
    assert!(refusal.new_agent);
    assert_eq!((refusal.per_s, refusal.retry_after_s()), (7_200, 3_600));
    assert!(refusal.to_string().contains("for an agent this young"));
    quotas.charge(young, &[Use::Post], START.plus_ms(7_200_000)).unwrap();
    let grown = START.plus_ms(86_400_000);
    quotas.charge(young, &[Use::Post], grown).unwrap();
    assert!(!refused(&quotas, young, &[Use::Post], grown).new_agent);
}

#[test]
fn the_daily_limit_holds_when_the_short_one_would_allow() {
    let quotas = Quotas::new(QuotaConfig::moltbook());
    let mut now = START;
    for _ in 0..50 {
        quotas.charge(old(4), &[Use::Comment, Use::CommentDaily], now).unwrap();
        now = now.plus_ms(20_000);
    }
    let refusal = refused(&quotas, old(4), &[Use::Comment, Use::CommentDaily], now);
    assert_eq!((refusal.rule, refusal.daily_remaining), (Use::CommentDaily, Some(0)));
}

#[test]
fn a_refusal_takes_nothing_and_a_refund_gives_back() {
    let quotas = Quotas::new(QuotaConfig::moltbook());
    quotas.charge(old(5), &[Use::Comment, Use::CommentDaily], START).unwrap();
    for _ in 0..10 {
        refused(&quotas, old(5), &[Use::Comment, Use::CommentDaily], START);
    }
    quotas.refund(old(5), &[Use::Comment, Use::CommentDaily], START);
    let allowance = quotas.charge(old(5), &[Use::CommentDaily, Use::Comment], START).unwrap();
    assert_eq!(allowance.remaining, 49, "the refused ones were not counted, the refunded one neither");
}

#[test]
fn a_limit_of_none_allows_none_and_a_clock_that_steps_back_gives_nothing() {
    let config = QuotaConfig { posts: Limit { count: 0, per_s: 60 }, ..QuotaConfig::moltbook() };
    let quotas = Quotas::new(config);
    assert_eq!(refused(&quotas, old(6), &[Use::Post], START).limit, 0);
    quotas.charge(old(6), &[Use::Community], START).unwrap();
    refused(&quotas, old(6), &[Use::Community], TimeMs(START.0 - 7_200_000));
    refused(&quotas, old(6), &[Use::Community], START.plus_ms(1_800_000));
}

#[test]
fn memory_is_bounded_by_the_number_of_callers() {
    let quotas = Quotas::new(QuotaConfig::moltbook());
    for number in 0..70_000_u32 {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let caller = Caller::Agent { id: AgentId(id), since: TimeMs(0) };
        quotas.charge(caller, &[Use::Read], START).unwrap();
    }
    assert_eq!(quotas.callers(), crate::limits::QUOTA_CALLERS_MAX);
}

#[test]
fn presets_are_found_by_name() {
    assert_eq!(QuotaConfig::preset("moltbook"), Some(QuotaConfig::moltbook()));
    assert_eq!(QuotaConfig::preset("development"), Some(QuotaConfig::default()));
    assert_eq!(QuotaConfig::preset("other"), None);
}

#[test]
fn a_configuration_names_a_set_or_gives_limits() {
    let read = |text: &str| serde_json::from_str::<QuotaConfig>(text);
    assert_eq!(read("\"moltbook\"").unwrap(), QuotaConfig::moltbook());
    let posts = Limit { count: 2, per_s: 3 };
    let some = read("{\"posts\":{\"count\":2,\"per_s\":3}}").unwrap();
    assert_eq!(some, QuotaConfig { posts, ..QuotaConfig::development() });
    let written = serde_json::to_string(&QuotaConfig::moltbook()).unwrap();
    assert_eq!(read(&written).unwrap(), QuotaConfig::moltbook());
    assert!(read("\"other\"").unwrap_err().to_string().contains("development, moltbook"));
    assert!(read("{\"poost\":1}").unwrap_err().to_string().contains("poost"));
    assert!(read("{\"posts\":{\"count\":2}}").unwrap_err().to_string().contains("per_s"));
}
