//! Why a configuration cannot be used, in words that name the key as whoever set it wrote it.

use figment::Metadata;
use figment::error::{Actual, Kind};
use std::path::PathBuf;
use tidepool_net::NetworkKeyError;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was named is not there or not readable.
    #[error("configuration file {path}: {source}; check the path given with --config")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A value is of the wrong type, out of its range, or unknown.
    #[error("configuration: {}; `tidepool config show` prints every key with its default", said(.0))]
    Value(Box<figment::Error>),
    /// A value is out of its range.
    #[error("configuration: {key} is {seen:?}, allowed is {allowed}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it is.
        seen: String,
        /// What it may be.
        allowed: String,
    },
    /// A setting of the network is out of its range.
    #[error("configuration: [net] {0}")]
    Net(#[from] tidepool_net::NetError),
    /// The file with the key of a private network is not readable.
    #[error("network key file {path}: {source}; check net.network_key_file (--network-key)")]
    NetworkKeyFile {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others than its owner may read that file.
    #[error("network key file {path} has mode {mode:04o}, allowed is 0600: whoever reads it is in; chmod 600 {path}")]
    NetworkKeyMode {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// That file holds no key.
    #[error("network key file {path}: {source}")]
    NetworkKey {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: NetworkKeyError,
    },
    /// Faults are wanted in a network that is none for tests.
    #[error(
        "faults.gossip_drop_percent is {percent}, and network {network} is not the development network: faults are for \
         tests; take the section [faults] out"
    )]
    Faults {
        /// What was wanted.
        percent: u8,
        /// Where.
        network: String,
    },
    /// The network file is not readable.
    #[error("network file {path}: {source}; check the path given with --network")]
    NetworkFile {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The network file makes no network.
    #[error("network file {path}: {source}")]
    Network {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: tidepool_protocol::network::NetworkFileError,
    },
}

/// What the library found, as sentences: what was seen where, what is allowed.
fn said(error: &figment::Error) -> String {
    error.clone().into_iter().map(|error| one(&error)).collect::<Vec<_>>().join("; ")
}

fn one(error: &figment::Error) -> String {
    let key = key(error);
    match &error.kind {
        Kind::UnknownField(_, known) => format!("{key} is no key; allowed here are {}", known.join(", ")),
        Kind::UnknownVariant(seen, known) => format!("{key} is {seen:?}, allowed are {}", known.join(", ")),
        Kind::InvalidType(seen, allowed) | Kind::InvalidValue(seen, allowed) => {
            format!("{key} is {}, allowed is {}", value(seen), plain(allowed))
        }
        Kind::InvalidLength(seen, allowed) => format!("{key} has {seen} items, allowed is {}", plain(allowed)),
        Kind::MissingField(name) => format!("{key} lacks {name}"),
        Kind::DuplicateField(name) => format!("{key} has {name} twice"),
        // What a parser says has lines and a drawing of its own.
        Kind::Message(text) if error.path.is_empty() => match source(error.metadata.as_ref()) {
            Some(file) => format!("{file}: {}", text.trim_end()),
            None => text.trim_end().to_owned(),
        },
        Kind::Message(text) if text == "invalid multiaddr" => {
            format!(
                "{key} is no address of a node; write it like /ip4/203.0.113.7/tcp/4490 or /dns4/example.org/tcp/4490"
            )
        }
        Kind::Message(text) => format!("{key}: {text}"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => format!("{key} is out of range"),
        Kind::Unsupported(seen) | Kind::UnsupportedKey(seen, _) => format!("{key} is {}, which no key is", value(seen)),
    }
}

/// The key as it was written: a variable's name, or the name in a file and the file.
fn key(error: &figment::Error) -> String {
    let mut path = error.path.clone();
    if let Kind::UnknownField(name, _) = &error.kind
        && path.last().is_none_or(|last| !last.eq_ignore_ascii_case(name))
    {
        path.push(name.clone());
    }
    match error.metadata.as_ref() {
        Some(metadata) if metadata.name.contains("environment") => {
            format!("TIDEPOOL_{}", path.join("__").to_uppercase())
        }
        metadata => {
            let place = source(metadata).map(|file| format!(" in {file}")).unwrap_or_default();
            format!("{}{place}", path.join("."))
        }
    }
}

fn source(metadata: Option<&Metadata>) -> Option<String> {
    metadata?.source.as_ref()?.file_path().map(|path| path.display().to_string())
}

fn value(seen: &Actual) -> String {
    match seen {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Char(value) => format!("{value:?}"),
        Actual::Str(value) => format!("{value:?}"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a section".to_owned(),
        other => other.to_string(),
    }
}

/// Types of a program, as values that a person writes.
fn plain(allowed: &str) -> &str {
    match allowed {
        "u64" | "usize" => "a whole number from 0",
        "u32" => "a whole number from 0 to 4294967295",
        "u16" => "a whole number from 0 to 65535",
        "u8" => "a whole number from 0 to 255",
        "f64" => "a number",
        "a boolean" | "bool" => "true or false",
        "a string" | "path string" => "a text in quotes",
        "a sequence" => "a list, like [\"one\", \"other\"]",
        other if other.starts_with("enum ") => "one of the words that it may be, in quotes",
        other if other.starts_with("struct ") => "a section of keys",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::said;
    use crate::config::Config;
    use figment::Figment;
    use figment::providers::{Env, Format, Serialized, Toml};

    fn refused(toml: &str) -> String {
        let layers = Figment::from(Serialized::defaults(Config::default())).merge(Toml::string(toml));
        said(&layers.extract::<Config>().unwrap_err())
    }

    #[test]
    fn a_key_is_named_as_it_stands_in_the_file_with_what_it_may_be() {
        assert_eq!(refused("[store]\ncache_mib = \"a\""), "store.cache_mib is \"a\", allowed is a whole number from 0");
        assert_eq!(refused("[node]\ncoverage = \"some\""), "node.coverage is \"some\", allowed are archive, shards");
        assert!(refused("[log]\nform = 1").starts_with("log.form is no key; allowed here are format, filter"));
        assert_eq!(refused("net = 1"), "net is 1, allowed is a section of keys");
        assert!(
            refused("[net]\nseeds = [\"x\"]").starts_with("net.seeds.0 is no address of a node; write it like /ip4/")
        );
        assert!(refused("api_listen = \"4480\"").contains("localhost:4480"));
        assert!(refused("[store").contains("line 1"));
    }

    #[test]
    fn a_variable_is_named_as_a_variable() {
        // A variable that every process has, under the name of a key that no section has.
        let environment = Env::raw().only(&["PATH"]).map(|_| "net.teeth".into());
        let layers = Figment::from(Serialized::defaults(Config::default())).merge(environment);
        let text = said(&layers.extract::<Config>().unwrap_err());
        assert!(text.starts_with("TIDEPOOL_NET__TEETH is no key; allowed here are listen"), "{text}");
    }
}
