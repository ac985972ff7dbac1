//! The manual against the program: links lead somewhere, configs are accepted, commands exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::help::reference;
use crate::sandbox::{Sandbox, outcome};

/// A page of the manual.
struct Page {
    path: PathBuf,
    text: String,
}

/// A fenced block of a page: its language, the line it begins at, its text.
struct Block {
    language: String,
    line: usize,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What a reader sees: the pages at the root, and those of `docs/`.
fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    for folder in [root(), root().join("docs")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).unwrap();
                pages.push(Page { path, text });
            }
        }
    }
    assert!(pages.len() > 10, "the manual is not where it was");
    pages
}

impl Page {
    fn name(&self) -> String {
        self.path.strip_prefix(root()).unwrap().display().to_string()
    }

    /// The text outside of fenced blocks, by line, and the blocks.
    fn parts(&self) -> (Vec<(usize, &str)>, Vec<Block>) {
        let (mut prose, mut blocks) = (Vec::new(), Vec::new());
        let mut open: Option<Block> = None;
        for (number, line) in (1..).zip(self.text.lines()) {
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (None, Some(language)) => {
                    let (language, text) = (language.to_owned(), String::new());
                    open = Some(Block { language, line: number, text });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => prose.push((number, line)),
            }
        }
        assert!(open.is_none(), "{}: a block is not closed", self.name());
        (prose, blocks)
    }

    /// What a link may name after `#`, as the forges make it of headings.
    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.parts().0.into_iter().filter_map(|(_, line)| {
            let text = line.trim_start_matches('#');
            (text.len() < line.len()).then(|| text.trim().to_lowercase())
        });
        let slug = |heading: String| {
            heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        };
        headings.map(slug).collect()
    }
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let anchors: BTreeMap<&Path, BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_path(), page.anchors())).collect();
    let mut dead = Vec::new();
    for page in &pages {
        for (number, line) in page.parts().0 {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if link.contains("://") || link.starts_with("mailto:") {
                    continue;
                }
                let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
                let target = match file {
                    "" => Ok(page.path.clone()),
                    file => page.path.parent().unwrap().join(file).canonicalize(),
                };
                let lives = target.is_ok_and(|target| {
                    anchor.is_empty()
                        || anchors.get(target.as_path()).is_some_and(|all| all.contains(anchor))
                });
                if !lives {
                    dead.push(format!("{}:{number}: {link}", page.name()));
                }
            }
        }
    }
    assert!(dead.is_empty(), "links that lead nowhere: {dead:#?}");
}

#[test]
fn configs_are_accepted() {
    for page in pages() {
        for block in page.parts().1.iter().filter(|block| block.language == "toml") {
            if block.text.contains("[dependencies]") {
                continue;
            }
            let sandbox = Sandbox::with_config(&block.text);
            sandbox.write("otlp.key", "secret");
            let mut command = sandbox.command(&["check-config"]);
            command.env("ORDERS_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
            command.env("OTLP_AUTHORIZATION", "Bearer secret");
            let outcome = outcome(command);
            assert_eq!(outcome.code, 0, "{}:{}: {outcome:#?}", page.name(), block.line);
        }
    }
}

#[test]
fn commands_and_their_options_exist() {
    let known = reference(&Sandbox::new());
    let globals = &known[0].1;
    let mut wrong = Vec::new();
    for page in pages() {
        for block in page.parts().1.iter().filter(|block| block.language == "console") {
            for line in block.text.lines() {
                let Some(call) = line.strip_prefix("$ action-scheduler ") else { continue };
                let words: Vec<&str> = call.split_whitespace().collect();
                // What is a subcommand, and what a value, only the known names tell.
                let name = known.iter().map(|(name, _)| name).filter(|name| {
                    let path = name.strip_prefix("action-scheduler").unwrap_or_default();
                    let mut rest = words.iter();
                    path.split_whitespace().all(|part| rest.any(|word| *word == part))
                });
                let name = name.max_by_key(|name| name.split(' ').count()).unwrap();
                let help = &known.iter().find(|(other, _)| other == name).unwrap().1;
                let options = words.iter().filter(|word| word.starts_with("--"));
                let unknown = options
                    .map(|option| option.split('=').next().unwrap_or_default())
                    .find(|option| !help.contains(option) && !globals.contains(option));
                if name == "action-scheduler" || unknown.is_some() {
                    wrong.push(format!("{}: {line} {unknown:?}", page.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "calls that the program does not know: {wrong:#?}");
}

/// The names of all functions in a folder, by `fn NAME`.
fn functions(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            into.extend(names.map(str::to_owned));
        }
    }
}

/// `docs/guarantees.md` says which test shows what: in backticks, with the file it is in or without.
#[test]
fn tests_that_are_named_exist() {
    let mut known = BTreeSet::new();
    functions(&root().join("crates"), &mut known);
    let page = fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    let named = page.split('`').skip(1).step_by(2).filter_map(|code| code.split('/').next_back());
    let tests: Vec<&str> = named.filter(|name| name.matches('_').count() >= 3).collect();
    assert!(tests.len() > 20, "{tests:?}");
    let unknown: Vec<_> = tests.iter().filter(|name| !known.contains(**name)).collect();
    assert!(unknown.is_empty(), "tests that are named and do not exist: {unknown:?}");
}

/// Its table of faults says in which file each test is.
#[test]
fn faults_are_covered_where_the_manual_says() {
    let page = fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    let (_, faults) = page.split_once("\n## Faults, and their tests\n").unwrap();
    let faults = faults.split("\n## ").next().unwrap();
    let rows: Vec<&str> = faults.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let mut text = String::new();
        let mut tests = 0;
        for code in row.split('`').skip(1).step_by(2) {
            match code.ends_with(".rs") {
                true => text = fs::read_to_string(root().join("crates").join(code)).expect(code),
                false => {
                    assert!(text.contains(code), "{code} is not where this says: {row}");
                    tests += 1;
                }
            }
        }
        assert!(tests > 0, "a fault without a test: {row}");
    }
}

/// `docs/cli-reference.md` is what `--help` says. Made anew with UPDATE_REFERENCE=1.
#[test]
fn the_reference_is_in_step() {
    let mut page = String::from(
        "# Reference of the command line\n\nWhat `--help` says, of every command. Made from the program by \
         `UPDATE_REFERENCE=1 ./test docs`; edit the program, not this page.\n",
    );
    for (name, text) in reference(&Sandbox::new()) {
        page.push_str(&format!("\n## {name}\n\n```text\n{text}\n```\n"));
    }
    let file = root().join("docs/cli-reference.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/cli-reference.md is out of step: UPDATE_REFERENCE=1 ./test docs"
    );
}
