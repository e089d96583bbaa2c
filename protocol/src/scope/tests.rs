//! Scopes as text, and their slots.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

#[track_caller]
fn check(text: &str, expected: Result<Scope, ScopeError>) {
    assert_eq!(text.parse::<Scope>(), expected, "{text}");
    if let Ok(scope) = expected {
        assert_eq!(scope.to_string(), text);
    }
}

fn name(text: &str) -> CommunityName {
    text.parse().unwrap()
}

#[test]
fn every_sort_of_scope_is_read_and_shown() {
    let zeros = "a".repeat(52);
    check("c/general", Ok(Scope::Open(name("general"))));
    check("c/a-1", Ok(Scope::Open(name("a-1"))));
    check(&format!("a/{zeros}"), Ok(Scope::Agent(AgentId([0; 32]))));
    check(&format!("i/{zeros}"), Ok(Scope::Identity(AuthorId([0; 32]))));
    check(&format!("m/{zeros}"), Ok(Scope::Mail(AgentId([0; 32]))));
    check("s/0", Ok(Scope::Presence(Slot::new(0).unwrap())));
    check("s/1023", Ok(Scope::Presence(Slot::new(1023).unwrap())));
    let owned = Scope::owned_by(AgentId([7; 32]), name("general"));
    check(&owned.to_string(), Ok(owned));
}

#[test]
fn what_names_no_scope_is_refused_with_what_was_seen() {
    check("general", Err(ScopeError::Prefix("general".to_owned())));
    check("C/general", Err(ScopeError::Prefix("C/general".to_owned())));
    check("c/General", Err(ScopeError::CommunityName("General".to_owned())));
    check("c/x", Err(ScopeError::CommunityName("x".to_owned())));
    check(&format!("c/{}", "x".repeat(31)), Err(ScopeError::CommunityName("x".repeat(31))));
    check("c/general.abc", Err(ScopeError::Fingerprint("abc".to_owned())));
    check("c/general.AAAAAAAAAAAAAAAA", Err(ScopeError::Fingerprint("AAAAAAAAAAAAAAAA".to_owned())));
    check("a/abc", Err(ScopeError::Id("abc".to_owned())));
    for slot in ["01", "1024", "+1", "-1", "", "1 ", "65536"] {
        check(&format!("s/{slot}"), Err(ScopeError::Slot(slot.to_owned())));
    }
}

#[test]
fn an_error_keeps_64_characters_of_a_long_text() {
    let Err(ScopeError::Prefix(seen)) = "ä".repeat(10_000).parse::<Scope>() else { panic!("that is no scope") };
    assert_eq!(seen.chars().count(), 64);
}

#[test]
fn both_forms_of_a_community_lie_in_one_slot() {
    let owned = Scope::owned_by(AgentId([7; 32]), name("general"));
    assert_eq!(owned.slot(), Scope::Open(name("general")).slot());
    assert_eq!(owned.community_name(), Some(&name("general")));
}

#[test]
fn two_founders_have_two_communities_of_one_name() {
    let of = |founder| Fingerprint::of(AgentId([founder; 32]), &name("general"));
    assert_ne!(of(1), of(2));
    assert_ne!(of(1), Fingerprint::of(AgentId([1; 32]), &name("generals")));
    assert_eq!(of(1).as_str().parse::<Fingerprint>(), Ok(of(1)));
}

#[test]
fn the_longest_scope_is_within_its_limit() {
    let longest = Scope::owned_by(AgentId([0; 32]), name(&"x".repeat(30))).to_string();
    let agent = Scope::Agent(AgentId([0; 32])).to_string();
    assert!(longest.len().max(agent.len()) <= crate::limits::SCOPE_BYTES_MAX);
}
