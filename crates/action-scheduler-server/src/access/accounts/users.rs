//! Users: a name, a role, a password.

use action_scheduler::store::{Expected, Put, PutRecord};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AccountError, Accounts, Actor, AuditEvent, Password, Result, USERS, UserName, password,
};
use crate::access::Role;

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// The name they sign in with.
    pub name: UserName,
    /// What they may do.
    pub role: Role,
    /// When they were added.
    pub created_at: Timestamp,
    /// When their password was set.
    pub password_set_at: Timestamp,
    /// Changes with the password: sessions of an earlier one are no longer good.
    pub(crate) generation: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredUser {
    role: Role,
    password: String,
    created_at: Timestamp,
    password_set_at: Timestamp,
    generation: u64,
}

impl StoredUser {
    fn as_user(&self, name: UserName) -> User {
        let Self { role, created_at, password_set_at, generation, .. } = *self;
        User { name, role, created_at, password_set_at, generation }
    }
}

impl Accounts {
    /// All users, by name.
    pub async fn users(&self) -> Result<Vec<User>> {
        let stored = self.all::<StoredUser>(USERS).await?;
        stored.into_iter().map(|(key, _, user)| Ok(user.as_user(key.parse()?))).collect()
    }

    /// The user with this name and this password. Which of the two is wrong is neither said nor shown by how long it takes.
    pub async fn user_with(&self, name: &str, password: Password) -> Result<Option<User>> {
        let name: Option<UserName> = name.parse().ok();
        let stored = match &name {
            Some(name) => self.one::<StoredUser>(USERS, name.as_str()).await?,
            None => None,
        };
        let user = stored.map(|(_, user)| user);
        let hash = user.as_ref().map(|user| user.password.clone());
        let is_right = password::verify(password, hash).await;
        Ok(user.zip(name).filter(|_| is_right).map(|(user, name)| user.as_user(name)))
    }

    /// Adds a user.
    pub async fn add_user(
        &self,
        name: &UserName,
        role: Role,
        password: Password,
        by: &Actor,
    ) -> Result<()> {
        let password = password::hash(name, password).await?;
        let now = self.now();
        let generation = rand::random::<u32>().into();
        let user = StoredUser { role, password, created_at: now, password_set_at: now, generation };
        if !self.put_user(name, &user, Expected::Absent).await? {
            return Err(AccountError::Exists { what: "user", name: name.to_string() });
        }
        self.note(AuditEvent::UserAdded, by, format!("user {name}, {role}")).await;
        Ok(())
    }

    /// Gives a user another password. Their sessions end.
    pub async fn set_password(
        &self,
        name: &UserName,
        password: Password,
        by: &Actor,
    ) -> Result<User> {
        let password = password::hash(name, password).await?;
        let now = self.now();
        let change = |user: &mut StoredUser| {
            user.password = password;
            user.password_set_at = now;
            user.generation = user.generation.wrapping_add(1);
        };
        let user = self.change_user(name, change).await?;
        self.end_sessions_of(name).await?;
        self.note(AuditEvent::PasswordChanged, by, format!("user {name}")).await;
        Ok(user)
    }

    /// Gives a user another role.
    pub async fn set_role(&self, name: &UserName, role: Role, by: &Actor) -> Result<()> {
        self.change_user(name, |user| user.role = role).await?;
        self.note(AuditEvent::RoleChanged, by, format!("user {name}, {role}")).await;
        Ok(())
    }

    /// Removes a user. Their sessions end.
    pub async fn remove_user(&self, name: &UserName, by: &Actor) -> Result<()> {
        let deleted = self.store.delete_records(USERS, vec![name.to_string()]).await?;
        if deleted != [true] {
            return Err(AccountError::Missing { what: "user", name: name.to_string() });
        }
        self.end_sessions_of(name).await?;
        self.note(AuditEvent::UserRemoved, by, format!("user {name}")).await;
        Ok(())
    }

    async fn change_user(
        &self,
        name: &UserName,
        change: impl FnOnce(&mut StoredUser),
    ) -> Result<User> {
        let found = self.one::<StoredUser>(USERS, name.as_str()).await?;
        let Some((version, mut user)) = found else {
            return Err(AccountError::Missing { what: "user", name: name.to_string() });
        };
        change(&mut user);
        if !self.put_user(name, &user, Expected::Version(version)).await? {
            return Err(AccountError::Changed { what: "user", name: name.to_string() });
        }
        Ok(user.as_user(name.clone()))
    }

    async fn put_user(
        &self,
        name: &UserName,
        user: &StoredUser,
        expected: Expected,
    ) -> Result<bool> {
        let put = PutRecord::of(USERS, name.as_str(), user)?.expected(expected);
        Ok(matches!(self.store.put_records(vec![put]).await?[..], [Put::Done(_)]))
    }
}
