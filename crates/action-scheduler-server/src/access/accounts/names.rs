//! The names of users and tokens.

use std::fmt;
use std::str::FromStr;

use action_scheduler::Invalid;
use serde::{Deserialize, Serialize};

const LONGEST: usize = 64;
const EXPECTED: &str = "expected 1 to 64 characters, each a letter of a to z, a digit or one of . _ - + @, first a letter or digit";

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let name = text.to_ascii_lowercase();
                match is_name(&name) {
                    true => Ok(Self(name)),
                    false => Err(Invalid::new($what, text, EXPECTED)),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// The name of a user. Upper and lower case are one.
    UserName, "user name"
);
name!(
    /// The name of an API token. Upper and lower case are one.
    TokenName, "token name"
);

fn is_name(text: &str) -> bool {
    let is_other = |c: char| matches!(c, '.' | '_' | '-' | '+' | '@');
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || is_other(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_their_case_does_not_count() {
        assert_eq!("Ada@Example.com".parse::<UserName>().unwrap().as_str(), "ada@example.com");
        for bad in ["", " ada", "ada lovelace", "-a", "ä", "a\0", "<b>", &"x".repeat(65)] {
            let error = bad.parse::<UserName>().unwrap_err().to_string();
            assert!(error.contains("expected 1 to 64 characters"), "{error}");
        }
    }
}
