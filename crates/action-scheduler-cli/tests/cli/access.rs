//! Users, tokens, sessions, and how to get in.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::sandbox::{Outcome, Sandbox, outcome};
use crate::serve::Serving;

/// A call that is given text on stdin.
fn with_input(sandbox: &Sandbox, args: &[&str], input: &str) -> Outcome {
    sandbox.write("input", input);
    let mut command: Command = sandbox.command(args);
    command.stdin(Stdio::from(std::fs::File::open(sandbox.path("input")).unwrap()));
    outcome(command)
}

#[test]
fn users_are_added_listed_changed_and_removed() {
    let sandbox = Sandbox::new();
    let added = with_input(&sandbox, &["user", "add", "Ada", "--role", "admin"], "correct horse\n");
    assert_eq!((added.code, added.stdout.as_str()), (0, "user ada is admin\n"), "{added:#?}");
    sandbox.write("password", "another horse\n");
    sandbox.ok(&["user", "add", "bob", "--password-file", "password"]);
    let users = sandbox.json(&["user", "list", "--json"]);
    assert_eq!(users[0]["name"], "ada");
    assert_eq!(users[1]["role"], "viewer");
    assert!(!users.to_string().contains("argon2"));
    sandbox.ok(&["user", "role", "bob", "operator"]);
    assert_eq!(sandbox.json(&["user", "list", "--json"])[1]["role"], "operator");
    sandbox.ok(&["user", "password", "bob", "--password-file", "password"]);
    sandbox.ok(&["user", "remove", "bob"]);
    assert_eq!(sandbox.ok(&["user", "list", "--format", "ids"]), "ada\n");
}

#[test]
fn what_is_no_user_is_refused_and_the_password_not_quoted() {
    let sandbox = Sandbox::new();
    let refused = |args: &[&str], input: &str, expected: &str| {
        let outcome = with_input(&sandbox, args, input);
        assert_eq!(outcome.code, 2, "{outcome:#?}");
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
        assert!(input.is_empty() || !outcome.stderr.contains(input.trim()), "{}", outcome.stderr);
    };
    refused(&["user", "add", "ada"], "short\n", "at least 12 characters");
    refused(&["user", "add", "ada"], "", "at least 12 characters");
    refused(&["user", "add", "a b"], "correct horse\n", "expected 1 to 64 characters");
    refused(
        &["user", "add", "ada", "--role", "root"],
        "correct horse\n",
        "viewer, operator or admin",
    );
    refused(&["user", "add", "ada", "--password-file", "none"], "", "cannot be read");
    assert_eq!(sandbox.ok(&["user", "list", "--format", "count"]), "0\n");
    with_input(&sandbox, &["user", "add", "ada"], "correct horse");
    refused(&["user", "add", "ADA"], "correct horse\n", "there is a user \"ada\" already");
    refused(&["user", "remove", "eve"], "", "there is no user \"eve\"");
    refused(&["user", "role", "eve", "admin"], "", "there is no user \"eve\"");
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let sandbox = Sandbox::new();
    let secret =
        sandbox.ok(&["token", "create", "deploy", "--scopes", "read,write", "--expires", "90d"]);
    assert!(secret.starts_with("ast_") && secret.trim_end().len() == 47, "{secret}");
    let json = sandbox.json(&["token", "create", "mailer", "--scopes", "work", "--json"]);
    assert_eq!(json["name"], "mailer");
    let tokens = sandbox.json(&["token", "list", "--json"]);
    assert_eq!(tokens[0]["scopes"], serde_json::json!(["read", "write"]));
    assert_eq!(tokens[0]["created_by"], "CLI");
    assert_eq!(tokens[1]["expires_at"], serde_json::Value::Null);
    assert!(!tokens.to_string().contains("ast_"));
    sandbox.ok(&["token", "revoke", "deploy"]);
    assert_eq!(sandbox.ok(&["token", "list", "--format", "ids"]), "mailer\n");
    assert_eq!(sandbox.run(&["token", "create", "x", "--scopes", "root"]).code, 2);
    assert_eq!(sandbox.run(&["token", "create", "x", "--expires", "0"]).code, 2);
    assert_eq!(sandbox.run(&["token", "revoke", "deploy"]).code, 2);
}

/// Asks a server for a path as a browser does that someone navigates with; gives all of the answer.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let headers = "Connection: close\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document";
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_link_signs_in_at_a_server_that_runs() {
    let sandbox = Sandbox::new();
    let serving = Serving::start(sandbox.command(&["serve", "--listen", "127.0.0.1:0"]));
    let line = serving.wait_for("the admin and the API listen");
    let (_, url) = line.split_once("url=").unwrap();
    let address = url.trim().strip_prefix("http://").unwrap();
    let link = sandbox.ok(&["sign-in-link", "--url", url.trim()]);
    let path = link.trim().strip_prefix(url.trim()).unwrap();
    assert!(get(address, path).starts_with("HTTP/1.1 303"));
    assert!(get(address, path).starts_with("HTTP/1.1 410"));
    let sessions = sandbox.json(&["session", "list", "--json"]);
    assert_eq!(sessions[0]["who"], "admin");
    let id = sessions[0]["id"].as_str().unwrap();
    sandbox.ok(&["session", "end", &id[..8]]);
    assert_eq!(sandbox.ok(&["session", "list", "--format", "count"]), "0\n");
    assert_eq!(sandbox.run(&["session", "end", id]).code, 2);
}

#[test]
fn no_way_in_is_written_where_nobody_sits() {
    let sandbox = Sandbox::new();
    let mut serving = Serving::start(sandbox.command(&["serve", "--listen", "127.0.0.1:0"]));
    serving.wait_for("the admin and the API listen");
    serving.signal("-TERM");
    assert!(!serving.rest().contains("/sign-in/"));
    assert_eq!(serving.exit_code(), Some(0));
}

#[test]
fn an_open_address_takes_someone_who_may_sign_in_and_a_port_that_is_free() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, 2, "{refused:#?}");
    assert!(refused.stderr.contains("action-scheduler user add NAME"), "{}", refused.stderr);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = sandbox.run(&["serve", "--listen", &address]);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains(&format!("cannot listen on {address}")), "{}", refused.stderr);
}

#[test]
fn settings_of_the_server_come_from_flag_environment_or_file() {
    let sandbox = Sandbox::with_config(
        "[server]\nlisten = \"127.0.0.1:7000\"\npublic_url = \"https://a.example/jobs\"\n\
         trusted_proxies = [\"10.0.0.0/8\"]\nmax_rate = \"unlimited\"\nmax_listeners = 7\n\
         header_timeout = \"3s\"\n[server.mask]\n\"pay_*\" = [\"card\"]\n",
    );
    let settings = |args: &[&str]| {
        let mut command = sandbox.command(&[&["check-config", "--json"], args].concat());
        command.env_remove("ACTION_SCHEDULER_SERVER_LISTEN");
        command.env("ACTION_SCHEDULER_SERVER_TRUSTED_PROXIES", "10.0.0.1,::1");
        let json: serde_json::Value = serde_json::from_str(&outcome(command).stdout).unwrap();
        move |key: &str| {
            let setting = &json["settings"][format!("server.{key}")];
            format!("{} {}", setting["value"].as_str().unwrap(), setting["from"].as_str().unwrap())
        }
    };
    let setting = settings(&[]);
    assert_eq!(setting("listen"), "127.0.0.1:7000 action-scheduler.toml:2");
    assert_eq!(setting("base_path"), "/jobs default");
    assert_eq!(
        setting("trusted_proxies"),
        "10.0.0.1/32, ::1/128 ACTION_SCHEDULER_SERVER_TRUSTED_PROXIES"
    );
    assert_eq!(setting("max_rate"), "unlimited action-scheduler.toml:5");
    assert_eq!(setting("max_listeners"), "7 action-scheduler.toml:6");
    assert_eq!(setting("header_timeout"), "3s action-scheduler.toml:7");
    assert_eq!(setting("max_connections"), "5000 default");
    assert_eq!(setting("mask"), "fields of pay_* action-scheduler.toml:8");
    assert_eq!(settings(&["--listen", "127.0.0.1:1"])("listen"), "127.0.0.1:1 --listen");
    let wrong = sandbox.run(&["check-config", "--base-path", "/other", "--listen", "127.0.0.1:1"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("is not the base path \"/other\""), "{}", wrong.stderr);
    let half = sandbox.run(&["check-config", "--tls-key", "k", "--listen", "127.0.0.1:1"]);
    assert!(half.code == 2 && half.stderr.contains("--tls-certificate"), "{}", half.stderr);
    let none = ["--tls-key", "k.pem", "--tls-certificate", "c.pem", "--listen", "127.0.0.1:1"];
    let none = sandbox.run(&[&["check-config"][..], &none].concat());
    assert!(none.code == 2 && none.stderr.contains("c.pem"), "{}", none.stderr);
}
