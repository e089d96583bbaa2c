//! Numbers as people read them.

/// `1 node`, `2 nodes`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// A delay in whole milliseconds; `-` for one that was not measured.
pub(crate) fn delay(milliseconds: Option<f32>) -> String {
    milliseconds.map_or_else(|| "-".to_owned(), |delay| format!("{delay:.0} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_what_is_not_measured_is_not_nought() {
        assert_eq!([0, 1, 2].map(|number| count(number, "node")), ["0 nodes", "1 node", "2 nodes"]);
        assert_eq!([None, Some(0.0), Some(41.6)].map(delay), ["-", "0 ms", "42 ms"]);
    }
}
