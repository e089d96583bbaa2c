//! One line of an import: a post or a comment, with ids of the file's own.

use serde::Deserialize;

/// The longest id of a record, so that the journal stays small.
const ID_CHARS_MAX: usize = 200;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Record {
    /// A post.
    Post {
        /// Its id in the file.
        id: String,
        /// Its author's name.
        author: String,
        /// Its community's name.
        community: String,
        /// Its title.
        title: String,
        /// Its text.
        content: String,
        /// What it links to.
        url: Option<String>,
    },
    /// A comment.
    Comment {
        /// Its id in the file.
        id: String,
        /// The post, by the file's id or by its CID on the network.
        post: String,
        /// The comment that it answers, by the file's id or its CID; none for the post itself.
        parent: Option<String>,
        /// Its author's name.
        author: String,
        /// Its text.
        content: String,
    },
}

impl Record {
    /// Its id in the file.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Post { id, .. } | Self::Comment { id, .. } => id,
        }
    }

    /// Its author's name.
    pub(super) fn author(&self) -> &str {
        match self {
            Self::Post { author, .. } | Self::Comment { author, .. } => author,
        }
    }
}

/// Reads one line.
pub(super) fn parse(line: &str) -> Result<Record, String> {
    let record: Record = serde_json::from_str(line).map_err(|error| format!("no post or comment: {error}"))?;
    let id = record.id();
    if id.is_empty() || id.chars().count() > ID_CHARS_MAX || id.chars().any(char::is_control) {
        return Err(format!(
            "id {:?} is not 1 to {ID_CHARS_MAX} printable characters",
            id.chars().take(40).collect::<String>()
        ));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn posts_and_comments_are_read() {
        let post = r#"{"type":"post","id":"1","author":"ada","community":"general","title":"t","content":"c"}"#;
        assert!(matches!(parse(post).unwrap(), Record::Post { url: None, .. }));
        let comment = r#"{"type":"comment","id":"2","post":"1","author":"bob","content":"c"}"#;
        assert_eq!(parse(comment).unwrap().author(), "bob");
    }

    #[test]
    fn what_is_neither_is_refused_with_its_reason() {
        for (line, word) in [
            ("{", "EOF"),
            (r#"{"type":"vote","id":"1"}"#, "vote"),
            (r#"{"type":"post","id":"1","author":"ada","community":"general","title":"t"}"#, "content"),
            (r#"{"type":"comment","id":"","post":"1","author":"b","content":"c"}"#, "printable"),
            (r#"{"type":"comment","id":"2","post":"1","author":"b","content":"c","karma":3}"#, "karma"),
        ] {
            assert!(parse(line).unwrap_err().contains(word), "{line}");
        }
    }
}
