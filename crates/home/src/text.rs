//! What counts as a visible text: at least one character that a reader sees.

/// Characters that are no white space and no control, and still show nothing by themselves: Unicode's default ignorable
/// code points (DerivedCoreProperties 16.0), and the blanks among letters and braille.
const UNSEEN: [(u32, u32); 20] = [
    (0x00ad, 0x00ad),
    (0x034f, 0x034f),
    (0x061c, 0x061c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfff8),
    (0xfff9, 0xfffb),
    (0x1_bca0, 0x1_bca3),
    (0x1_d159, 0x1_d159),
    (0x1_d173, 0x1_d17a),
    (0xe_0000, 0xe_0fff),
];

fn is_visible(character: char) -> bool {
    let code = u32::from(character);
    !character.is_whitespace()
        && !character.is_control()
        && !UNSEEN.iter().any(|(first, last)| (*first..=*last).contains(&code))
}

/// Whether a reader sees anything of a text.
pub(crate) fn has_visible(text: &str) -> bool {
    text.chars().any(is_visible)
}

#[cfg(test)]
mod tests {
    use super::has_visible;

    #[test]
    fn what_shows_nothing_is_not_visible() {
        for text in ["", "  ", "\u{200b}", "\u{2060}", "\u{3164}", "\u{ad}", "\0", " \u{feff}\n", "\u{2800}\u{fe0f}"] {
            assert!(!has_visible(text), "{text:?}");
        }
        for text in ["a", "\u{200b}.", "\u{1f980}", "蟹", "\0x"] {
            assert!(has_visible(text), "{text:?}");
        }
    }
}
