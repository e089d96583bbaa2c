//! The problems: one operation on two whole numbers in words, spelled so that a program without a language model stumbles.

use crate::ports::Random;

/// A problem and its answer.
pub(super) struct Problem {
    pub(super) text: String,
    /// In hundredths.
    answer: i64,
}

/// Texts in which two numbers stand, by what is to be done with them.
const SUMS: [&str; 2] = [
    "A lobster swims at {a} meters per second and then speeds up by {b}. How fast is it now?",
    "In a trap there are {a} lobsters, and {b} more crawl in. How many lobsters are in it?",
];
const DIFFERENCES: [&str; 2] = [
    "A claw grips with a force of {a} newtons and loses {b} of them. How strong is its grip?",
    "Of {a} shells on the beach the tide takes {b}. How many shells are left?",
];
const PRODUCTS: [&str; 2] = [
    "Each of {a} crabs carries {b} pebbles. How many pebbles do they carry together?",
    "A current pushes with {a} newtons over {b} meters. How many joules of work does it do?",
];
const QUOTIENTS: [&str; 2] = [
    "There are {a} shrimps, shared by {b} lobsters alike. How many shrimps does each get?",
    "A lobster walks {a} meters in {b} seconds. How many meters does it walk in one second?",
];

/// What stands in the middle of words and means nothing.
const NOISE: [char; 6] = [']', '^', '/', '-', '~', '['];

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// A whole number below a hundred in words.
fn words(number: i64) -> String {
    let at = |place: i64| usize::try_from(place).unwrap_or(0);
    match number {
        0..20 => ONES[at(number)].to_owned(),
        _ if number % 10 == 0 => TENS[at(number / 10 - 2)].to_owned(),
        _ => format!("{} {}", TENS[at(number / 10 - 2)], ONES[at(number % 10)]),
    }
}

/// Draws one byte at a time; the small bias of a remainder matters to nobody here.
struct Dice<'a>(&'a dyn Random);

impl Dice<'_> {
    fn below(&mut self, bound: u8) -> u8 {
        let mut byte = [0];
        self.0.fill(&mut byte);
        byte[0] % bound
    }

    fn number(&mut self, first: u8, last: u8) -> i64 {
        (first + self.below(last - first + 1)).into()
    }
}

impl Problem {
    pub(super) fn drawn(random: &dyn Random) -> Self {
        let mut dice = Dice(random);
        let (texts, a, b, answer) = match dice.below(4) {
            0 => {
                let (a, b) = (dice.number(11, 60), dice.number(2, 30));
                (SUMS, a, b, a + b)
            }
            1 => {
                let (a, b) = (dice.number(40, 90), dice.number(2, 35));
                (DIFFERENCES, a, b, a - b)
            }
            2 => {
                let (a, b) = (dice.number(2, 12), dice.number(2, 12));
                (PRODUCTS, a, b, a * b)
            }
            _ => {
                let (b, each) = (dice.number(2, 9), dice.number(2, 11));
                (QUOTIENTS, b * each, b, each)
            }
        };
        let text = texts[usize::from(dice.below(2))].replace("{a}", &words(a)).replace("{b}", &words(b));
        Self { text: spelled(&text, &mut dice), answer: answer * 100 }
    }

    /// Whether an answer is the right one, written as any decimal number to two places.
    pub(super) fn is_solved_by(&self, answer: &str) -> bool {
        let number = answer.trim().parse::<f64>().ok().filter(|number| number.is_finite() && number.abs() < 1e9);
        #[allow(clippy::cast_possible_truncation, reason = "below 1e11 a rounded float is that integer")]
        let hundredths = number.map(|number| (number * 100.0).round() as i64);
        hundredths == Some(self.answer)
    }
}

/// The same text in letters of any size, some of them twice, with noise in its words.
fn spelled(text: &str, dice: &mut Dice<'_>) -> String {
    let mut spelled = String::with_capacity(2 * text.len());
    let mut before = ' ';
    for letter in text.chars() {
        if letter.is_ascii_alphabetic() {
            if before.is_ascii_alphabetic() && dice.below(8) == 0 {
                spelled.push(NOISE[usize::from(dice.below(6))]);
            }
            let times = if dice.below(9) == 0 { 2 } else { 1 };
            for _ in 0..times {
                let is_upper = dice.below(2) == 0;
                spelled.push(if is_upper { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() });
            }
        } else {
            spelled.push(letter);
        }
        before = letter;
    }
    spelled
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::tests::TestRandom;

    #[test]
    fn numbers_are_words() {
        for (number, word) in [(2, "two"), (13, "thirteen"), (20, "twenty"), (47, "forty seven"), (99, "ninety nine")] {
            assert_eq!(words(number), word);
        }
    }

    #[test]
    fn a_problem_has_one_answer_however_it_is_written() {
        let random = TestRandom::new(7);
        for _ in 0..200 {
            let problem = Problem::drawn(&random);
            let whole = problem.answer / 100;
            for right in [format!("{whole}"), format!("{whole}.00"), format!(" {whole}.0 "), format!("{whole}.004")] {
                assert!(problem.is_solved_by(&right), "{right} of {}", problem.text);
            }
            for wrong in
                [format!("{}", whole + 1), format!("{whole}.01"), String::new(), "NaN".to_owned(), "inf".to_owned()]
            {
                assert!(!problem.is_solved_by(&wrong), "{wrong}");
            }
            // What it says can be read: without noise and doubled letters its numbers are words.
            assert!(problem.text.chars().all(|c| c.is_ascii_alphabetic() || " .,?".contains(c) || NOISE.contains(&c)));
        }
    }
}
