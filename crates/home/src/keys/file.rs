//! The node's key file: text of a few lines, mode 0600, made whole or not at all.

use super::NodeKeys;
use super::seal::SealingKey;
use crate::ports::Random;
use data_encoding::HEXLOWER;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use tidepool_protocol::{Salt, SecretKey, TimeMs};
use zeroize::Zeroizing;

/// The longest key file: it has some 400 bytes, this leaves room for an operator's comments.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// The first line.
const TITLE: &str = "# Tidepool node key: whoever reads this file can speak as this node and as every agent in its \
                     custody.";

/// Why a key file is refused.
#[derive(Debug, thiserror::Error)]
pub enum NodeKeyError {
    /// The file system.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error("{} has mode {mode:04o}: others may read it; run 'chmod 600 {}' if nobody did, else make new keys", path.display(), path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is no key file, or not whole.
    #[error("{} is not a whole node key file: {what}; put back a copy of it", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: FormError,
    },
}

/// What is wrong in a key file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Longer than such a file is.
    #[error("it has {seen} bytes, at most {FILE_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        seen: u64,
    },
    /// Not text.
    #[error("it is not text")]
    NotText,
    /// A later version's.
    #[error("it is of version {seen:?}, this program reads version 1")]
    Version {
        /// What it says.
        seen: String,
    },
    /// A field is missing.
    #[error("the line '{field} …' is missing")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// A field is no number or not hex of its length. The value is not repeated: it may be a secret.
    #[error("the line '{field} …' does not have {allowed}")]
    Value {
        /// Which.
        field: &'static str,
        /// What it should have.
        allowed: &'static str,
    },
}

pub(super) fn load_or_create(path: &Path, now: TimeMs, random: &dyn Random) -> Result<NodeKeys, NodeKeyError> {
    match load(path) {
        Err(NodeKeyError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => create(path, now, random),
        other => other,
    }
}

fn create(path: &Path, now: TimeMs, random: &dyn Random) -> Result<NodeKeys, NodeKeyError> {
    let keys = NodeKeys::generate(now, random);
    let text = encode(&keys);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    let mut tag = [0; 8];
    random.fill(&mut tag);
    name.push(format!(".{}.new", HEXLOWER.encode(&tag)));
    let draft = path.with_file_name(name);
    let made = write_private(&draft, text.as_bytes()).and_then(|()| {
        // A link never replaces: of two processes that make keys at one time, one finds the other's file there.
        match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    });
    let removed = fs::remove_file(&draft);
    made.and(removed).and_then(|()| sync_directory(path)).map_err(|error| io_error(path, error))?;
    load(path)
}

/// A new file that its owner alone reads (mode 0600), on disk when this returns. It never writes over one that is there.
///
/// # Errors
/// What the file system says; [`io::ErrorKind::AlreadyExists`] when there is one.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn load(path: &Path) -> Result<NodeKeys, NodeKeyError> {
    let mut file = File::open(path).map_err(|error| io_error(path, error))?;
    let metadata = file.metadata().map_err(|error| io_error(path, error))?;
    check_mode(path, &metadata)?;
    let form = |what| NodeKeyError::Form { path: path.to_owned(), what };
    if metadata.len() > FILE_BYTES_MAX {
        return Err(form(FormError::TooLong { seen: metadata.len() }));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    io::Read::take(&mut file, FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| io_error(path, error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| form(FormError::NotText))?;
    decode(text).map_err(form)
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), NodeKeyError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(NodeKeyError::Mode { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _metadata: &fs::Metadata) -> Result<(), NodeKeyError> {
    Ok(())
}

fn io_error(path: &Path, error: io::Error) -> NodeKeyError {
    NodeKeyError::Io { path: path.to_owned(), error }
}

fn encode(keys: &NodeKeys) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    let signing = Zeroizing::new(HEXLOWER.encode(keys.signing.seed().as_slice()));
    let rotation = Zeroizing::new(HEXLOWER.encode(keys.rotation.seed().as_slice()));
    let sealing = Zeroizing::new(HEXLOWER.encode(keys.sealing.bytes()));
    let random = HEXLOWER.encode(&keys.random.0);
    let created = keys.created_ms.0;
    write!(
        text,
        "{TITLE}\nversion 1\ncreated_ms {created}\nsigning {}\nrotation {}\nsealing {}\nrandom {random}\n",
        *signing, *rotation, *sealing
    )
    .expect("writing to a string cannot fail");
    text
}

fn decode(text: &str) -> Result<NodeKeys, FormError> {
    let value = |field: &'static str| {
        text.lines()
            .filter_map(|line| line.trim().split_once(' '))
            .find(|(name, _)| *name == field)
            .map(|(_, value)| value.trim())
            .ok_or(FormError::Missing { field })
    };
    let version = value("version")?;
    if version != "1" {
        return Err(FormError::Version { seen: version.chars().take(16).collect() });
    }
    let created = value("created_ms")?.parse();
    let created = created.map_err(|_| FormError::Value { field: "created_ms", allowed: "milliseconds since 1970" })?;
    Ok(NodeKeys {
        signing: SecretKey::from_seed(*hex::<32>("signing", value("signing")?)?),
        rotation: SecretKey::from_seed(*hex::<32>("rotation", value("rotation")?)?),
        sealing: SealingKey::new(hex::<32>("sealing", value("sealing")?)?),
        random: Salt(*hex::<16>("random", value("random")?)?),
        created_ms: TimeMs(created),
    })
}

fn hex<const N: usize>(field: &'static str, text: &str) -> Result<Zeroizing<[u8; N]>, FormError> {
    let allowed = if N == 16 { "32 hex digits" } else { "64 hex digits" };
    let bytes = HEXLOWER.decode(text.as_bytes()).map(Zeroizing::new).ok().filter(|bytes| bytes.len() == N);
    let bytes = bytes.ok_or(FormError::Value { field, allowed })?;
    let mut fixed = Zeroizing::new([0; N]);
    fixed.copy_from_slice(&bytes);
    Ok(fixed)
}
