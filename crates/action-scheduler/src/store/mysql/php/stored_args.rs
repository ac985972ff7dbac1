//! The columns `args` and `extended_args`.

use md5::{Digest, Md5};

use super::json;
use crate::args::Args;
use crate::error::Invalid;

/// The longest JSON that stands in `args` itself.
const INDEXED_BYTES: usize = 191;

/// The longest JSON that `extended_args` holds.
const MAX_BYTES: usize = 8_000;

/// Longer args are refused before they are encoded. The text that PHP writes is shorter than ours only where numbers
/// are spelled with needless digits or keys come twice.
const MAX_GIVEN_BYTES: usize = 8 * MAX_BYTES;

/// Args as they stand in the plugin's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredArgs {
    /// The JSON if it is short, else its md5 in hex. What look-ups compare.
    pub(crate) args: String,
    /// The JSON if it is long.
    pub(crate) extended_args: Option<String>,
}

impl StoredArgs {
    /// What the plugin would store for these args.
    pub(crate) fn new(args: &Args) -> Result<Self, Invalid> {
        let too_long = |bytes: usize| {
            let problem = format_args!(
                "{bytes} bytes of JSON, but the plugin's tables hold at most {MAX_BYTES} as PHP writes it; \
                 pass an id of what is stored elsewhere"
            );
            Invalid::new("args", args.as_str(), problem)
        };
        if args.as_str().len() > MAX_GIVEN_BYTES {
            return Err(too_long(args.as_str().len()));
        }
        let json = json::encode(args)?;
        if json.len() > MAX_BYTES {
            return Err(too_long(json.len()));
        }
        Ok(if json.len() > INDEXED_BYTES {
            Self { args: md5_hex(&json), extended_args: Some(json) }
        } else {
            Self { args: json, extended_args: None }
        })
    }

    /// Reads the two columns. As in PHP, an `extended_args` that is empty or `0` is none.
    pub(crate) fn read(args: Option<&[u8]>, extended_args: Option<&[u8]>) -> Result<Args, Invalid> {
        match (extended_args, args) {
            (None | Some(b"" | b"0"), None) => {
                Err(Invalid::new("args", "NULL", "expected a JSON array or object"))
            }
            (None | Some(b"" | b"0"), Some(json)) | (Some(json), _) => json::decode(json),
        }
    }
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
