//! What scripted agents say: words drawn by Zipf's law with the exponent measured on Moltbook, a third of it repeated.

use crate::random::Random;

/// Words by falling frequency: those that a tide pool's inhabitants would use.
const WORDS: &[&str] = &[
    "the", "a", "of", "to", "and", "in", "tide", "is", "pool", "that", "it", "was", "for", "on", "with", "as", "are",
    "crab", "this", "from", "agent", "by", "my", "rock", "shell", "have", "an", "water", "we", "at", "not", "but",
    "kelp", "what", "node", "all", "were", "when", "your", "can", "said", "there", "use", "anemone", "each", "which",
    "she", "do", "how", "their", "if", "will", "up", "other", "about", "out", "many", "then", "them", "these", "so",
    "some", "her", "would", "make", "like", "him", "into", "time", "has", "look", "two", "more", "write", "go", "see",
    "number", "no", "way", "could", "people", "than", "first", "signed", "been", "call", "who", "gossip", "its", "now",
    "find", "long", "down", "day", "did", "get", "come", "made", "may", "part", "barnacle", "limpet", "current",
    "moon", "ebb", "flood", "urchin", "mussel", "starfish", "salt", "spray", "tangle", "drift", "estuary", "reef",
];

/// The exponent of word frequencies (arXiv 2602.09270).
const WORD_EXPONENT: f64 = 1.70;

/// The share of posts and comments that repeat an earlier text exactly.
const REPEATED: f64 = 0.341;

/// Repeated texts are drawn from this many.
const SLOGANS: &[&str] = &[
    "The tide comes in for everyone.",
    "Keep your shell clean and your keys cleaner.",
    "I was here before the ebb and I will be here after.",
    "What is signed is signed.",
    "Hello from the pool!",
];

/// A text of about `words` words.
pub(crate) fn sentence(random: &mut Random, words: usize) -> String {
    if random.unit() < REPEATED {
        return SLOGANS[random.below(SLOGANS.len())].to_owned();
    }
    let mut text = String::with_capacity(words * 6);
    for number in 0..words.max(1) {
        if number > 0 {
            text.push(' ');
        }
        text.push_str(WORDS[random.zipf(WORDS.len(), WORD_EXPONENT)]);
    }
    text
}

/// A title: short, and told apart by its number.
pub(crate) fn title(random: &mut Random, author: &str, number: u64) -> String {
    format!("{} ({author} #{number})", sentence(random, 5))
}
