//! The user that a site belongs to.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A user of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: u32,
    /// The number of its group.
    pub group: u32,
    /// Its home folder.
    pub home: String,
    /// Its name, or its number where it has none.
    pub name: String,
}

/// Why a user could not be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The name is not known.
    #[error("there is no user {0:?} on this machine")]
    Unknown(String),
    /// It would be root.
    #[error(
        "{0} belongs to root, and PHP is not run as root; name the user that the web server runs \
         PHP as with --php-user"
    )]
    Root(String),
}

impl User {
    /// A user by name or number.
    pub fn named(name: &str) -> Result<Self, UserError> {
        let unknown = || UserError::Unknown(name.to_owned());
        let user = match name.parse::<u32>() {
            Ok(id) => Self::numbered(id),
            Err(_) => users().find(|user| user.name == name).ok_or_else(unknown)?,
        };
        if user.id == 0 { Err(UserError::Root(format!("the user {name:?}"))) } else { Ok(user) }
    }

    fn numbered(id: u32) -> Self {
        users().find(|user| user.id == id).unwrap_or_else(|| Self {
            id,
            group: id,
            home: "/".to_owned(),
            name: id.to_string(),
        })
    }

    /// As whom PHP runs for a site: as who owns its config, else as who owns what the web server writes. `None` where
    /// this process runs as that user anyway, or is not allowed to change its user.
    pub fn of_site(folder: &Path, config: &Path) -> Result<Option<Self>, UserError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let content = folder.join("wp-content");
        let places = [config.to_path_buf(), content.join("uploads"), content, folder.to_path_buf()];
        let owner = |place: &std::path::PathBuf| std::fs::metadata(place).ok();
        let found = places.iter().filter_map(owner).find(|found: &Metadata| found.uid() != 0);
        match found {
            Some(found) => Ok(Some(Self { group: found.gid(), ..Self::numbered(found.uid()) })),
            None => Err(UserError::Root(folder.display().to_string())),
        }
    }
}

/// The users that `/etc/passwd` lists.
fn users() -> impl Iterator<Item = User> {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let users: Vec<User> = text.lines().filter_map(user_of).collect();
    users.into_iter()
}

fn user_of(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let id = fields.nth(1)?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let home = fields.nth(1)?.to_owned();
    Some(User { id, group, home, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_list_is_read() {
        let user = user_of("www-data:x:33:34:www-data:/var/www:/usr/sbin/nologin").unwrap();
        assert_eq!((user.id, user.group, user.home.as_str()), (33, 34, "/var/www"));
        assert_eq!(user_of("garbage"), None);
    }

    #[test]
    fn root_and_strangers_are_refused() {
        assert!(matches!(User::named("root"), Err(UserError::Root(_))));
        assert!(matches!(User::named("no-such-user"), Err(UserError::Unknown(_))));
    }
}
