//! Sums of sets: order, joining, carrying.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn id(number: u8) -> EnvelopeId {
    EnvelopeId(sha256(&[&[number]]))
}

fn sum(numbers: &[u8]) -> SetSum {
    let mut sum = SetSum::default();
    numbers.iter().for_each(|number| sum.add(&id(*number)));
    sum
}

#[test]
fn order_does_not_matter() {
    assert_eq!(sum(&[1, 2, 3, 4]), sum(&[3, 1, 4, 2]));
    assert_ne!(sum(&[1, 2]).fingerprint(), sum(&[1, 3]).fingerprint());
}

#[test]
fn removing_undoes_adding() {
    let mut both = sum(&[1, 2, 3]);
    both.remove(&id(2));
    assert_eq!(both, sum(&[1, 3]));
}

#[test]
fn joining_is_adding_each() {
    let mut joined = sum(&[1, 2]);
    joined.join(&sum(&[3, 4]));
    assert_eq!(joined, sum(&[1, 2, 3, 4]));
}

#[test]
fn sums_carry_and_wrap() {
    let all = EnvelopeId([0xff; 32]);
    let mut one = EnvelopeId([0; 32]);
    one.0[0] = 1;
    let mut sum = SetSum::default();
    sum.add(&all);
    sum.add(&one);
    assert_eq!(sum.to_bytes()[..32], [0; 32], "2^256 - 1 and 1 make nothing");
    assert_eq!(sum.count, 2);
    sum.remove(&one);
    assert_eq!(sum.to_bytes()[..32], [0xff; 32]);
}

#[test]
fn the_count_tells_sets_of_one_sum_apart() {
    let (mut none, mut zero) = (SetSum::default(), SetSum::default());
    none.join(&SetSum::default());
    zero.add(&EnvelopeId([0; 32]));
    assert_eq!(none.to_bytes()[..32], zero.to_bytes()[..32]);
    assert_ne!(none.fingerprint(), zero.fingerprint());
}

#[test]
fn what_is_written_is_read() {
    let sum = sum(&[1, 2, 3]);
    assert_eq!(SetSum::from_bytes(&sum.to_bytes()), Some(sum));
    assert_eq!(SetSum::from_bytes(&sum.to_bytes()[1..]), None);
}
