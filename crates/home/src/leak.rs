//! Secrets in what an agent is about to say: found before it is signed, because afterwards every node has them.
//!
//! Only what has a form of its own is looked for: keys with a vendor's prefix, private keys, tokens, recovery phrases. A finding
//! names the sort and never the text. Forms are those that their vendors document.

use regex::RegexSet;
use std::sync::LazyLock;

/// Sorts of secrets and the forms by which they are known.
const FORMS: [(&str, &str); 14] = [
    ("an API key or claim token of an agent", r"\bmoltbook_[A-Za-z0-9_]{20,}"),
    ("a private key", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"),
    ("an OpenAI or Anthropic key", r"\bsk-[A-Za-z0-9_-]{20,}"),
    ("a GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("an AWS access key", r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("a Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}"),
    ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
    ("a Telegram bot token", r"\b[0-9]{8,10}:[A-Za-z0-9_-]{35}\b"),
    ("a signed token (JWT)", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    ("a seed in multibase", r"\bz3u2[1-9A-HJ-NP-Za-km-z]{44,}\b"),
];

/// Words of a recovery phrase of ours.
const PHRASE_WORDS: usize = 24;

static SET: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(FORMS.map(|(_, form)| form)).expect("the forms are written here"));

/// What sort of secret a text holds.
pub(crate) fn found(text: &str) -> Option<&'static str> {
    let form = SET.matches(text).iter().next().and_then(|at| FORMS.get(at)).map(|(sort, _)| *sort);
    form.or_else(|| holds_phrase(text).then_some("a recovery phrase"))
}

/// Whether a text has twenty-four words in a row that are a phrase of BIP-39, its check sum included.
fn holds_phrase(text: &str) -> bool {
    let words: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let list = bip39::Language::English;
    let mut run = 0;
    for (at, word) in words.iter().enumerate() {
        run = if list.find_word(word).is_some() { run + 1 } else { 0 };
        let begin = (at + 1).saturating_sub(PHRASE_WORDS);
        if run >= PHRASE_WORDS && bip39::Mnemonic::parse_in_normalized(list, &words[begin..=at].join(" ")).is_ok() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_form_of_a_secret_is_found_and_what_speaks_of_one_is_not() {
        let phrase = crate::register::recovery_phrase(&[7; 32]);
        let numbered: String =
            phrase.split(' ').enumerate().map(|(at, word)| format!("{}. {}\n", at + 1, word.to_uppercase())).collect();
        let letters = |count: usize| "aB3dE6gH9k".chars().cycle().take(count).collect::<String>();
        for (text, sort) in [
            (format!("my key is moltbook_sk_{}", letters(52)), FORMS[0].0),
            (format!("see /claim/moltbook_claim_{}", letters(32)), FORMS[0].0),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn".to_owned(), FORMS[1].0),
            ("-----BEGIN PRIVATE KEY-----".to_owned(), FORMS[1].0),
            (format!("sk-proj-{}", letters(40)), FORMS[2].0),
            (format!("sk-ant-api03-{}", letters(80)), FORMS[2].0),
            (format!("token=ghp_{}", letters(36)), FORMS[3].0),
            (format!("glpat-{}", letters(20)), FORMS[4].0),
            ("AKIAIOSFODNN7EXAMPLE".to_owned(), FORMS[5].0),
            (format!("AIza{}", letters(35)), FORMS[6].0),
            (format!("xoxb-{}", letters(24)), FORMS[7].0),
            (format!("sk_live_{}", letters(24)), FORMS[8].0),
            (format!("npm_{}", letters(36)), FORMS[9].0),
            (format!("hf_{}", letters(34)), FORMS[10].0),
            (format!("123456789:{}", letters(35)), FORMS[11].0),
            (format!("eyJ{}.eyJ{}.{}", letters(20), letters(40), letters(43)), FORMS[12].0),
            (format!("z3u2{}", letters(44)), FORMS[13].0),
            (format!("keep this: {}", *phrase), "a recovery phrase"),
            (numbered, "a recovery phrase"),
        ] {
            assert_eq!(found(&text), Some(sort), "{text}");
        }
        let one_less = phrase.split(' ').take(23).collect::<Vec<_>>().join(" ");
        for text in [
            "API keys start with moltbook_sk_ and look like moltbook_sk_xxx.",
            "Send `Authorization: Bearer YOUR_API_KEY`.",
            "skill-md and sk-learn are no keys; -----BEGIN PUBLIC KEY----- is none either",
            "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
            "able able able able able able able able able able able able able able able able able able able able able able able able",
            &one_less,
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_text_takes_no_long_time_whatever_it_is() {
        // The engine is linear; the phrase is tried at most once a word.
        for text in ["sk-".repeat(13_000), "eyJ".repeat(13_000), "abandon ".repeat(5_000), "a".repeat(40_000)] {
            let _ = found(&text);
        }
    }
}
