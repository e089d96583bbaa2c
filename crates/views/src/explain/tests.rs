//! Explanations, recomputed by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

const ID: EnvelopeId = EnvelopeId([3; 32]);

fn number(explanation: &Explanation, name: &str) -> f64 {
    let all = explanation.inputs.iter().chain(&explanation.terms);
    all.clone().find(|term| term.name == name).map(|term| term.value.to_string().parse().unwrap()).unwrap()
}

fn result(explanation: &Explanation) -> f64 {
    explanation.result.to_string().parse().unwrap()
}

#[track_caller]
fn close(by_hand: f64, shown: f64) {
    assert!((by_hand - shown).abs() < 1e-8, "by hand {by_hand}, shown {shown}");
}

#[test]
fn numbers_are_shown_in_decimals() {
    for (number, text) in [
        (Number::Whole(-3), "-3"),
        (Number::Fraction(rank::ONE), "1.0000000000"),
        (Number::Fraction(-rank::ONE / 4), "-0.2500000000"),
        (Number::Fraction(1), "0.0000000002"),
        (Number::Fraction(i64::MIN), "-2147483648.0000000000"),
    ] {
        assert_eq!(number.to_string(), text);
    }
}

#[test]
fn every_formula_can_be_recomputed_from_the_numbers_that_are_given() {
    for (up, down) in [(0, 0), (1, 0), (0, 1), (7, 3), (250, 260), (100_000, 17)] {
        let (votes, time, now) = (Votes { up, down }, TimeMs(1_795_478_400_123), TimeMs(1_795_485_000_000));
        let shown = hot(votes, time, &ID);
        let score = number(&shown, "up") - number(&shown, "down");
        let size = if score == 0.0 { 0.0 } else { score.signum() * score.abs().max(1.0).log10() };
        close(number(&shown, "votes"), size);
        close(number(&shown, "votes") + number(&shown, "age"), result(&shown));
        close(size + number(&shown, "time_ms") / 45_000_000.0, result(&shown));

        let shown = best(votes, time, &ID);
        let (up, down, n) = (number(&shown, "up"), number(&shown, "down"), number(&shown, "n"));
        let (z, z2) = (number(&shown, "z"), number(&shown, "z2"));
        close(z * z, z2);
        let by_hand = if n == 0.0 { 0.0 } else { (up + z2 / 2.0 - z * (up * down / n + z2 / 4.0).sqrt()) / (n + z2) };
        close(by_hand, result(&shown));

        let shown = rising(votes, time, now, &ID);
        let age_h = number(&shown, "age_s") / 3600.0;
        close((score + 1.0) / (age_h + 2.0).powf(1.5) / 1e6, result(&shown) / 1e6);
        assert_eq!(number(&shown, "divisor"), ((age_h * 3600.0 + 7200.0).powi(3)).sqrt().floor());

        let shown = controversial(votes, time, &ID);
        close((up + down) * (1.0 - (up - down).abs() / (up + down).max(1.0)), result(&shown));
        assert_eq!(result(&top(votes, time, &ID)), score);
        assert_eq!(new(time, &ID).result, Number::Whole(1_795_478_400_123));
    }
}
