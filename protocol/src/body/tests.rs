//! The limits of bodies, one step within and one beyond.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::ids::{EnvelopeId, Salt};
use crate::limits::{POST_BYTES_MAX, POST_CHARS_MAX};

fn post(title: &str, content: &str, url: Option<&str>) -> Post {
    Post {
        salt: Salt([0; 16]),
        post_type: PostType::Text,
        title: title.to_owned(),
        content: content.to_owned(),
        url: url.map(str::to_owned),
    }
}

#[track_caller]
fn refuses(body: &impl BodyOf, field: &str) {
    let (Err(BodyError::Length { field: seen, .. } | BodyError::Value { field: seen, .. }), Err(_)) =
        (body.check(), body.encode())
    else {
        panic!("{field} is taken");
    };
    assert_eq!(seen, field);
}

#[test]
fn posts_up_to_their_limits_are_taken() {
    for good in [
        post("t", "", None),
        post(&"ä".repeat(300), &"x".repeat(POST_CHARS_MAX), None),
        post("t", &"ä".repeat(POST_BYTES_MAX / 2), Some("https://example.org/")),
    ] {
        assert!(good.encode().is_ok(), "{} bytes", good.content.len());
    }
    refuses(&post("", "", None), "title");
    refuses(&post(&"ä".repeat(301), "", None), "title");
    refuses(&post("t", &"x".repeat(POST_CHARS_MAX + 1), None), "content");
    refuses(&post("t", &"ä".repeat(POST_BYTES_MAX / 2 + 1), None), "content in bytes");
    refuses(&post("t", "", Some(&"u".repeat(2_049))), "url in bytes");
}

#[test]
fn a_post_of_the_longest_parts_together_is_refused_by_its_body() {
    let all = post(&"ä".repeat(300), &"ä".repeat(POST_BYTES_MAX / 2), Some(&"u".repeat(2_048)));
    assert_eq!(all.check(), Ok(()));
    assert!(matches!(all.encode(), Err(BodyError::Length { field: "body bytes", .. })));
}

#[test]
fn votes_are_up_down_or_none() {
    let vote = |value| Vote { target: EnvelopeId([0; 32]), value };
    assert!((-1..=1).all(|value| vote(value).encode().is_ok()));
    refuses(&vote(2), "value");
    refuses(&vote(-2), "value");
}

#[test]
fn colours_have_six_digits() {
    let settings = |color: &str| Settings { banner_color: Some(color.to_owned()), ..Settings::default() };
    assert!(settings("#00aAfF").encode().is_ok());
    for bad in ["00aaff", "#00aafg", "#00aaff0", "#0af", "#00aaä", ""] {
        refuses(&settings(bad), "banner color");
    }
}

#[test]
fn a_kind_without_a_body_here_is_no_error() {
    assert_eq!(Body::decode(Kind(0x037f), &[0x00]), Ok(None));
    assert_eq!(Body::decode(Kind::GENESIS, &[0x00]), Ok(None));
}

#[test]
fn a_body_of_another_kind_does_not_fit() {
    let vote = Vote { target: EnvelopeId([0; 32]), value: 1 }.encode().unwrap();
    assert!(matches!(Body::decode(Kind::TOMBSTONE, &vote), Err(BodyError::Form(_))));
    assert!(matches!(Body::decode(Kind::VOTE, &vote[..vote.len() - 1]), Err(BodyError::Form(_))));
}
