//! Patterns of hooks in the words of SQL.

use crate::policy::HookPattern;

/// The pattern as `GLOB` of SQLite reads it.
pub(super) fn glob(pattern: &HookPattern) -> String {
    let mut glob = String::with_capacity(pattern.as_str().len());
    for c in pattern.as_str().chars() {
        match c {
            // In brackets, what else stands for others stands for itself.
            '?' | '[' => glob.extend(['[', c, ']']),
            c => glob.push(c),
        }
    }
    glob
}

/// The pattern as `LIKE` reads it, with a backslash before what stands for itself.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) fn like(pattern: &HookPattern) -> String {
    let mut like = String::with_capacity(pattern.as_str().len());
    for c in pattern.as_str().chars() {
        match c {
            '*' => like.push('%'),
            '%' | '_' | '\\' => like.extend(['\\', c]),
            c => like.push(c),
        }
    }
    like
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_star_stands_for_others() {
        let pattern: HookPattern = r"a_%\?[b]*c".parse().unwrap();
        assert_eq!(glob(&pattern), r"a_%\[?][[]b]*c");
        #[cfg(any(feature = "postgres", feature = "mysql"))]
        assert_eq!(like(&pattern), r"a\_\%\\?[b]%c");
    }
}
