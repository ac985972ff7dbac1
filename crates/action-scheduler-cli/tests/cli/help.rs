//! The whole of `--help`, as one reference.

use crate::sandbox::Sandbox;

/// Every command, in the order of the help, with those below it.
fn commands(sandbox: &Sandbox, path: &[String]) -> Vec<Vec<String>> {
    let mut found = vec![path.to_vec()];
    let help = help(sandbox, path);
    let Some((_, list)) = help.split_once("Commands:\n") else { return found };
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    // What is indented further goes on with the text of the line before.
    for line in lines.filter(|line| !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        let below = [path, &[name.to_owned()]].concat();
        found.extend(commands(sandbox, &below));
    }
    found
}

fn help(sandbox: &Sandbox, path: &[String]) -> String {
    let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
    args.push("--help");
    sandbox.ok(&args)
}

/// The name of every command, and its help. The global options, the same everywhere, are in the first only.
pub fn reference(sandbox: &Sandbox) -> Vec<(String, String)> {
    let entry = |path: Vec<String>| {
        let text = help(sandbox, &path);
        let (before, globals) = text.split_once("Global options:\n").unwrap();
        let text = match path.is_empty() {
            true => text.clone(),
            false => {
                let after = globals.split_once("\n\n").map_or("", |(_, after)| after);
                format!("{before}{after}")
            }
        };
        let name = [&["action-scheduler".to_owned()], &path[..]].concat().join(" ");
        (name, text.trim_end().to_owned())
    };
    commands(sandbox, &[]).into_iter().map(entry).collect()
}

#[test]
fn every_command_explains_itself() {
    let entries = reference(&Sandbox::new());
    let reference: String =
        entries.iter().map(|(name, text)| format!("# {name}\n\n{text}\n\n")).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("reference", reference));
}

#[test]
fn without_a_command_it_shows_its_help() {
    let outcome = Sandbox::new().run(&[]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("Usage: action-scheduler"));
}

#[test]
fn completions_are_there_for_each_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(sandbox.ok(&["completions", shell]).contains("action-scheduler"), "{shell}");
    }
}
