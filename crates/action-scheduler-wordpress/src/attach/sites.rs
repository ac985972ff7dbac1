//! Which sites there are in some folders.

use std::path::PathBuf;

use crate::php::Php;
use crate::site::{Installation, Site};

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The sites, each with how PHP is run for it.
    pub sites: Vec<(Site, Php)>,
    /// What is wrong with the others, a line each.
    pub problems: Vec<String>,
}

/// Looks into these folders; a `*` in the last part of a path stands for anything, and then a folder without WordPress is
/// no problem.
pub async fn find_sites(folders: &[PathBuf], php: &Php) -> Found {
    find_sites_but(folders, php, |_| false).await
}

/// As [`find_sites`], without looking into folders that are known already.
pub(super) async fn find_sites_but(
    folders: &[PathBuf],
    php: &Php,
    is_known: impl Fn(&std::path::Path) -> bool,
) -> Found {
    let mut found = Found::default();
    for folder in folders {
        let (candidates, is_pattern) = expand(folder);
        if is_pattern && candidates.is_empty() {
            found.problems.push(format!("{}: no folder with WordPress is there", folder.display()));
        }
        for folder in candidates {
            if folder.canonicalize().is_ok_and(|folder| is_known(&folder)) {
                continue;
            }
            let sites = async {
                let installation = Installation::open(&folder, php).await?;
                let sites = installation.sites().await?;
                Ok::<_, crate::site::SiteError>((sites, installation.php))
            };
            match sites.await {
                Ok((sites, php)) => {
                    found.sites.extend(sites.into_iter().map(|site| (site, php.clone())));
                }
                Err(error) => found.problems.push(error.to_string()),
            }
        }
    }
    found
}

/// The folders that a path stands for, and whether it is a pattern.
fn expand(path: &std::path::Path) -> (Vec<PathBuf>, bool) {
    let parts: Vec<_> = path.components().collect();
    let is_pattern =
        |part: &std::path::Component<'_>| part.as_os_str().to_string_lossy().contains('*');
    if !parts.iter().any(is_pattern) {
        return (vec![path.to_path_buf()], false);
    }
    let mut folders = vec![PathBuf::new()];
    for part in &parts {
        if !is_pattern(part) {
            folders.iter_mut().for_each(|folder| folder.push(part));
            continue;
        }
        let pattern = part.as_os_str().to_string_lossy().into_owned();
        folders = folders
            .iter()
            .flat_map(|folder| {
                let place =
                    if folder.as_os_str().is_empty() { ".".as_ref() } else { folder.as_path() };
                std::fs::read_dir(place).into_iter().flatten().flatten()
            })
            .filter(|entry| matches(&pattern, &entry.file_name().to_string_lossy()))
            .map(|entry| entry.path())
            .collect();
        folders.sort();
    }
    folders.retain(|folder| folder.join("wp-load.php").is_file());
    (folders, true)
}

/// Whether a name fits a pattern, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in [
            ("*", "shop"),
            ("*", ""),
            ("s*p", "shop"),
            ("*.example", "a.example"),
            ("a*b*c", "a-b-c"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("s*p", "shops"), ("a*b*c", "a-c-b"), ("ab*b", "ab"), ("x*", "shop")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn only_folders_with_wordpress_are_found() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::create_dir_all(root.path().join(name).join("public")).unwrap();
        }
        std::fs::write(root.path().join("b/public/wp-load.php"), "<?php").unwrap();
        let (folders, is_pattern) = expand(&root.path().join("*/public"));
        assert_eq!((folders, is_pattern), (vec![root.path().join("b/public")], true));
        assert_eq!(expand("/x/y".as_ref()), (vec!["/x/y".into()], false));
    }
}
