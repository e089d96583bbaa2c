//! What a JSON reader says of a value that does not fit, in words of the API: its own speak of types of this program.

/// `reason` of the reader without the names of types; what was seen and what is read stay.
pub(crate) fn plain(reason: &str) -> String {
    // The reader adds where it stood; the field is named beside this.
    let reason = reason.rfind(" at line ").map_or(reason, |end| &reason[..end]);
    if let Some((seen, wanted)) = between(reason, "invalid type: ", ", expected ")
        .or_else(|| between(reason, "invalid value: ", ", expected "))
        .or_else(|| between(reason, "invalid length ", ", expected "))
    {
        return format!("it is {}, {} is read", value(seen), kind(wanted));
    }
    if let Some((seen, wanted)) = between(reason, "unknown variant ", ", expected ") {
        return format!("it is {}, read are {}", quoted(seen), words(wanted));
    }
    if let Some((seen, wanted)) = between(reason, "unknown field ", ", expected ") {
        return format!("there is no field {}, read are {}", quoted(seen), words(wanted));
    }
    if let Some(field) = reason.strip_prefix("missing field ") {
        return format!("{} is required", quoted(field));
    }
    reason.to_owned()
}

fn between<'a>(text: &'a str, before: &str, middle: &str) -> Option<(&'a str, &'a str)> {
    // A value that was seen may hold the same words: what is read is behind the last of them.
    text.strip_prefix(before)?.rsplit_once(middle)
}

/// A name between the reader's grave accents.
fn quoted(text: &str) -> String {
    format!("{:?}", text.trim_matches('`'))
}

/// `string "x"`, `integer `5``, `map`, `sequence`, `null`.
fn value(seen: &str) -> String {
    match seen.split_once(' ') {
        Some(("string", text)) => text.to_owned(),
        Some(("integer" | "floating" | "boolean" | "character", rest)) => {
            rest.trim_start_matches("point ").trim_matches('`').to_owned()
        }
        _ => match seen {
            "map" => "an object".to_owned(),
            "sequence" => "an array".to_owned(),
            "unit" | "unit value" | "Option value" => "null".to_owned(),
            other => other.to_owned(),
        },
    }
}

fn kind(wanted: &str) -> String {
    match wanted {
        "u64" | "u32" | "u16" | "u8" | "usize" => "a whole number from 0".to_owned(),
        "i64" | "i32" | "i16" | "i8" | "isize" => "a whole number".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        "a boolean" => "true or false".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        other if other.contains("enum ") || other == "string or map" => {
            "one of the words that are documented".to_owned()
        }
        other => other.to_owned(),
    }
}

/// `one of `a`, `b`` or `` `a` or `b` ``.
fn words(wanted: &str) -> String {
    wanted.trim_start_matches("one of ").replace('`', "")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::plain;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Text,
        Link,
        Image,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Shape {
        text: Option<String>,
        count: Option<u32>,
        flag: Option<bool>,
        list: Option<Vec<u8>>,
        word: Option<Word>,
        needed: u8,
    }

    fn said(json: &str) -> String {
        plain(&serde_json::from_str::<Shape>(json).unwrap_err().to_string())
    }

    #[test]
    fn what_was_seen_and_what_is_read_without_types_of_this_program() {
        for (json, expected) in [
            ("5", "it is 5, an object is read"),
            ("\"x, expected y\"", "it is \"x, expected y\", an object is read"),
            ("{\"text\": 5}", "it is 5, a string is read"),
            ("{\"text\": {}}", "it is an object, a string is read"),
            ("{\"count\": -1}", "it is -1, a whole number from 0 is read"),
            ("{\"count\": 1.5}", "it is 1.5, a whole number from 0 is read"),
            ("{\"flag\": \"yes\"}", "it is \"yes\", true or false is read"),
            ("{\"list\": \"no\"}", "it is \"no\", an array is read"),
            ("{\"word\": \"tune\"}", "it is \"tune\", read are text, link, image"),
            ("{\"other\": 7}", "there is no field \"other\", read are text, count, flag, list, word, needed"),
            ("{}", "\"needed\" is required"),
        ] {
            assert_eq!(said(json), expected, "{json}");
        }
    }
}
