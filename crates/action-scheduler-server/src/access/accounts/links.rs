//! Links that sign someone in once, as admin: for whoever sits at the terminal of the machine.

use std::time::Duration;

use action_scheduler::store::{Expected, PutRecord};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::sessions::later;
use super::{Accounts, Actor, AuditEvent, Digest, LINKS, Result, Secret};

/// How long a link is good.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

#[derive(Serialize, Deserialize)]
struct StoredLink {
    created_at: Timestamp,
}

impl Accounts {
    /// The secret of a link that signs in whoever comes first with it, within a quarter of an hour.
    pub async fn create_sign_in_link(&self, by: &Actor) -> Result<Secret> {
        let secret = Secret::random("");
        let now = self.now();
        let link = StoredLink { created_at: now };
        let put = PutRecord::of(LINKS, secret.digest().to_string(), &link)?
            .expires_at(later(now, LIFETIME))
            .expected(Expected::Absent);
        self.store.put_records(vec![put]).await?;
        self.note(AuditEvent::LinkCreated, by, "sign-in link".to_owned()).await;
        Ok(secret)
    }

    /// Uses up a link: true for one caller, if it is still good.
    pub(crate) async fn use_sign_in_link(&self, secret: &str) -> Result<bool> {
        let key = Digest::of(secret).to_string();
        Ok(self.store.delete_records(LINKS, vec![key]).await? == [true])
    }
}
