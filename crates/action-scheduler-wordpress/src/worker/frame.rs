//! The frames that a worker and this process exchange: `AS`, a version, a kind, a length, and a payload.

use serde::{Deserialize, Serialize};

/// The version of the protocol.
const VERSION: u8 = 1;

const HEAD: usize = 8;

/// A longer payload is none: output and warnings are bounded on the other side.
const LONGEST: usize = 16 * 1024 * 1024;

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// WordPress is loaded.
    Ready(Ready),
    /// What was asked for has come to its end.
    Done(Done),
    /// The action was not run: this worker is of the past.
    Stale(Stale),
    /// PHP ends, in the middle of loading or of an action.
    Ended(Ended),
}

/// What a site does with the posts in which versions 1 and 2 of the plugin kept actions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PostsUse {
    /// Nothing: its actions are in tables, or nowhere.
    #[default]
    Unused,
    /// It moves them into tables, and knows both until that is done.
    Moving,
    /// They are its queue.
    Used,
}

/// What was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Ready {
    /// The version of PHP.
    pub php: String,
    /// The version of WordPress.
    pub wordpress: String,
    /// Who provides the functions that schedule: `plugin`, `bridge` or `none`.
    pub source: String,
    /// What is done about the posts in which versions 1 and 2 of the plugin kept actions.
    pub posts: PostsUse,
    pub(super) memory: u64,
    /// What was printed while it was loading.
    pub output: String,
    /// Warnings of PHP's while it was loading.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Done {
    pub(super) seq: u64,
    pub(super) memory: u64,
    /// Why it failed, if it did.
    pub(super) reason: Option<String>,
    pub(super) output: String,
    pub(super) warnings: Vec<String>,
    /// How many actions it stored.
    pub(super) stored: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Stale {
    pub(super) seq: u64,
    pub(super) why: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Ended {
    /// The action; 0 while loading.
    pub(super) seq: u64,
    pub(super) reason: String,
    pub(super) maintenance: bool,
    pub(super) output: String,
    pub(super) warnings: Vec<String>,
    pub(super) stored: u64,
}

/// The site that a worker is to load.
#[derive(Debug, Serialize)]
pub(super) struct Load<'a> {
    pub(super) name: &'a str,
    pub(super) folder: &'a str,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) https: bool,
    /// How much output of an action is kept, in bytes.
    pub(super) output: usize,
    /// How often it looks whether it is of the past, in seconds.
    pub(super) check_after: f64,
}

/// An action to run.
#[derive(Debug, Serialize)]
pub(super) struct Run<'a> {
    pub(super) seq: u64,
    pub(super) id: i64,
    pub(super) hook: &'a str,
    /// JSON.
    pub(super) args: &'a str,
    pub(super) group: &'a str,
    /// When it was due, in seconds since 1970.
    pub(super) scheduled: i64,
    pub(super) context: &'a str,
}

/// To move the events of WP-Cron that are due into the queue.
#[derive(Debug, Serialize)]
pub(super) struct Events {
    pub(super) seq: u64,
}

/// The bytes on the connection are not of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what came over the connection to the PHP worker is not of the protocol: {0}")]
pub(super) struct Garbage(String);

/// A frame for the worker.
pub(super) fn frame(kind: u8, payload: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = vec![b'A', b'S', VERSION, kind, 0, 0, 0, 0];
    serde_json::to_writer(&mut bytes, payload)?;
    // A payload holds the args of one action, which are far from 4 GiB.
    let length = u32::try_from(bytes.len() - HEAD).unwrap_or(u32::MAX).to_be_bytes();
    if let Some(place) = bytes.get_mut(4..HEAD) {
        place.copy_from_slice(&length);
    }
    Ok(bytes)
}

/// Takes the first frame out of what has come, if all of it has.
pub(super) fn take(bytes: &mut Vec<u8>) -> Result<Option<Word>, Garbage> {
    // Whatever is wrong with the head is seen at its first bytes.
    let expected = [b'A', b'S', VERSION];
    let begun = bytes.iter().zip(&expected).all(|(byte, expected)| byte == expected);
    if !begun {
        return Err(Garbage(quoted(bytes)));
    }
    let Some([_, _, _, kind, a, b, c, d]) = bytes.first_chunk::<HEAD>().copied() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > LONGEST {
        return Err(Garbage(format!("a frame of {length} bytes")));
    }
    let end = HEAD + length;
    if bytes.len() < end {
        return Ok(None);
    }
    let payload: Vec<u8> = bytes.drain(..end).skip(HEAD).collect();
    let wrong = |error: serde_json::Error| Garbage(format!("{error} in {}", quoted(&payload)));
    let word = match kind {
        b'r' => Word::Ready(serde_json::from_slice(&payload).map_err(wrong)?),
        b'd' => Word::Done(serde_json::from_slice(&payload).map_err(wrong)?),
        b's' => Word::Stale(serde_json::from_slice(&payload).map_err(wrong)?),
        b'x' => Word::Ended(serde_json::from_slice(&payload).map_err(wrong)?),
        other => return Err(Garbage(format!("a frame of kind {:?}", char::from(other)))),
    };
    Ok(Some(word))
}

/// The beginning of some bytes, for people.
fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 60;
    format!("{:?}", String::from_utf8_lossy(bytes.get(..SHOWN).unwrap_or(bytes)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn worker_frame(kind: u8, payload: &str) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [b"AS\x01", [kind].as_slice(), &length, payload.as_bytes()].concat()
    }

    #[test]
    fn a_frame_is_taken_when_all_of_it_is_there() {
        let whole = worker_frame(b'd', r#"{"seq":7,"memory":1,"reason":"no"}"#);
        for cut in 0..whole.len() {
            let mut bytes = whole[..cut].to_vec();
            assert_eq!(take(&mut bytes), Ok(None), "{cut}");
        }
        let mut bytes = [whole.as_slice(), b"AS"].concat();
        let Ok(Some(Word::Done(done))) = take(&mut bytes) else { panic!("{bytes:?}") };
        assert_eq!((done.seq, done.reason.as_deref()), (7, Some("no")));
        assert_eq!(bytes, b"AS");
    }

    #[test]
    fn what_is_no_frame_is_refused_at_once() {
        for garbage in [
            b"X".to_vec(),
            b"Hello, world".to_vec(),
            b"AS\x02d\0\0\0\0".to_vec(),
            worker_frame(b'?', "{}"),
            worker_frame(b'd', "{"),
        ] {
            assert!(take(&mut garbage.clone()).is_err(), "{garbage:?}");
        }
        assert!(take(&mut b"AS\x01d\xff\xff\xff\xff".to_vec()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), framed in any::<bool>()) {
            if framed {
                bytes.splice(0..0, *b"AS\x01d");
            }
            let _ = take(&mut bytes);
        }
    }
}
