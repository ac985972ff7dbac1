//! Passwords, and their argon2 hashes.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::{AccountError, Result, UserName};

/// The fewest characters of a password.
const SHORTEST: usize = 12;
/// The most bytes of a password: none needs more, and a hash of megabytes is work.
const LONGEST: usize = 1024;

/// How many hashes are computed at once in this process: each takes some 20 MiB and a core for some 20 ms, and a flood of
/// sign-ins must not take them from the runner.
static ROOM: Semaphore = Semaphore::const_new(2);

/// What the password of a user who does not exist is compared with, so that the answer takes as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cXYx5FuK8ItMKcPTvv2xgA$0hcGJXm4N6tThVXSZt2MHyrC64uzr7aOMhgfBp57HlE";

/// A password as someone typed it.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// A password as given, right or wrong.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether a user may have it.
    fn check(&self, user: &UserName) -> Result<()> {
        if self.0.chars().count() < SHORTEST {
            return Err(AccountError::Password("expected at least 12 characters"));
        }
        if self.0.len() > LONGEST {
            return Err(AccountError::Password("expected at most 1024 bytes"));
        }
        if self.0.chars().any(char::is_control) {
            return Err(AccountError::Password("it has a control character, such as a line break"));
        }
        if self.0.to_ascii_lowercase() == user.as_str() {
            return Err(AccountError::Password("it is the name of the user"));
        }
        Ok(())
    }
}

/// Without the password.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The hash of a password that a user is to have, in PHC form.
pub(super) async fn hash(user: &UserName, password: Password) -> Result<String> {
    password.check(user)?;
    let hashed = in_a_thread(move || {
        let hash: Result<PasswordHash, _> = hasher().hash_password(password.0.as_bytes());
        hash.map(|hash| hash.to_string())
    });
    hashed.await.ok_or(AccountError::Password("it cannot be hashed now; try again"))
}

/// Whether a password is the one of a hash. Without a hash it is not, and the answer takes as long.
pub(super) async fn verify(password: Password, hash: Option<String>) -> bool {
    if password.0.len() > LONGEST {
        return false;
    }
    let is_somebody = hash.is_some();
    let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
    let verified = in_a_thread(move || {
        let parsed = PasswordHash::new(&hash)?;
        hasher().verify_password(password.0.as_bytes(), &parsed)
    });
    verified.await.is_some() && is_somebody
}

/// What OWASP asks for at least: argon2id with 19 MiB and two passes.
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

async fn in_a_thread<T: Send + 'static, E: fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Option<T> {
    // Nobody closes it.
    let _room = ROOM.acquire().await.ok()?;
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Some(done),
        // A wrong password comes here too, so this is no more than a detail.
        Ok(Err(error)) => {
            tracing::debug!(%error, "a password was not verified or hashed");
            None
        }
        Err(error) => {
            tracing::error!(%error, "hashing a password broke down");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> UserName {
        "ada-lovelace-1815".parse().unwrap()
    }

    #[tokio::test]
    async fn a_password_is_the_one_of_its_hash_and_of_no_other() {
        let hash = hash(&ada(), Password::new("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify(Password::new("correct horse"), Some(hash.clone())).await);
        assert!(!verify(Password::new("correct horsf"), Some(hash)).await);
        assert!(!verify(Password::new("correct horse"), None).await);
    }

    #[test]
    fn a_user_who_does_not_exist_costs_as_much() {
        let hash = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&hash).unwrap();
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        assert_eq!(costs(&params), costs(&Params::DEFAULT));
        assert!(hash.salt.is_some() && hash.hash.is_some());
    }

    #[tokio::test]
    async fn passwords_that_nobody_should_have_are_refused_and_not_quoted() {
        for (bad, problem) in [
            ("short", "at least 12"),
            (&"x".repeat(1025), "at most 1024 bytes"),
            ("correct\nhorse", "control character"),
            ("Ada-Lovelace-1815", "name of the user"),
        ] {
            let error = hash(&ada(), Password::new(bad)).await.unwrap_err().to_string();
            assert!(error.contains(problem) && !error.contains(bad), "{error}");
        }
        assert_eq!(format!("{:?}", Password::new("xyzzy")), "Password(…)");
    }
}
