//! Real child processes, most of them `/bin/sh`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::action::{ActionId, Attempt, Group as ActionGroup, Hook, Priority};
use crate::args::Args;
use crate::handler::RetryAdvice;
use crate::log::Step;
use crate::store::ClaimedAction;

/// Longer than anything here takes, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// The span of the attempt.
const SPAN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn context_with(args: Args, cancellation: CancellationToken) -> HandlerContext {
    let action = ClaimedAction {
        id: ActionId::new(42).unwrap(),
        hook: Hook::new("back up").unwrap(),
        group: ActionGroup::new("nightly").unwrap(),
        args,
        priority: Priority::default(),
        attempts: Attempt(1),
        scheduled_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        chain: None,
    };
    let deadline = "2026-01-02T03:09:05Z".parse().unwrap();
    let span = SPAN.parse().unwrap();
    HandlerContext::new(action, Attempt(2), Some(span), deadline, cancellation)
}

fn context() -> HandlerContext {
    context_with(Args::none(), CancellationToken::new())
}

fn sh(script: &str) -> CommandConfig {
    CommandConfig::new(["/bin/sh", "-c", script, "sh"])
}

/// Runs a command to its end: the result and what was logged as its output.
async fn run_in(
    config: CommandConfig,
    context: &HandlerContext,
) -> (Result<(), Failure>, Option<String>) {
    let command = Command::new(config).unwrap();
    let result = timeout(PATIENCE, command.call(context)).await.expect("the handler hangs");
    let mut entries = context.take_entries();
    assert!(entries.len() <= 1, "one entry at most: {entries:?}");
    let output = entries.pop().map(|entry| {
        assert_eq!(entry.step, Step::Output);
        entry.message.unwrap()
    });
    (result, output)
}

async fn run(config: CommandConfig) -> (Result<(), Failure>, Option<String>) {
    run_in(config, &context()).await
}

async fn output_of(script: &str) -> String {
    let (result, output) = run(sh(script)).await;
    assert_eq!(result, Ok(()));
    output.unwrap_or_default()
}

/// A named pipe that processes write lines to. It is at its end when no process holds it open any more, so that the
/// death of all of them is an event.
struct Fifo {
    path: PathBuf,
    lines: mpsc::UnboundedReceiver<String>,
    _dir: tempfile::TempDir,
}

impl Fifo {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (sender, lines) = mpsc::unbounded_channel();
        let reader = path.clone();
        std::thread::spawn(move || {
            let file = std::fs::File::open(reader).unwrap();
            BufReader::new(file)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { path, lines, _dir: dir }
    }

    /// The script, with the pipe as descriptor 3.
    fn sh(&self, script: &str) -> CommandConfig {
        let mut config = sh(&format!("exec 3> \"$1\"; {script}"));
        config.argv.push(self.path.to_str().unwrap().to_owned());
        config
    }

    /// The next line, or `None` when all processes that could write one are dead.
    async fn line(&mut self) -> Option<String> {
        timeout(PATIENCE, self.lines.recv()).await.expect("nothing comes from the processes")
    }
}

/// Waits until a process is dead and reaped. There is no event for this.
async fn until_gone(pid: &str) {
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    let begin = Instant::now();
    while test_kill_process(pid) != Err(Errno::SRCH) {
        assert!(begin.elapsed() < PATIENCE, "process {pid:?} is still there");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn the_args_arrive_on_standard_input_and_in_the_environment() {
    let args: Args = r#"{"order":42,"name":"Zoë $HOME `id`"}"#.parse().unwrap();
    let context = context_with(args.clone(), CancellationToken::new());
    let script = r#"cat; printf '%s\n' "$ACTION_SCHEDULER_ARGS""#;
    let (result, output) = run_in(sh(script), &context).await;
    assert_eq!(result, Ok(()));
    assert_eq!(output.unwrap(), format!("{args}\n{args}"));
}

#[tokio::test]
async fn the_action_is_described_in_the_environment() {
    let output = output_of("env | grep ^ACTION_SCHEDULER_ | sort").await;
    let expected = "ACTION_SCHEDULER_ARGS=[]\n\
                    ACTION_SCHEDULER_ATTEMPT=2\n\
                    ACTION_SCHEDULER_DEADLINE=2026-01-02T03:09:05Z\n\
                    ACTION_SCHEDULER_GROUP=nightly\n\
                    ACTION_SCHEDULER_HOOK=back up\n\
                    ACTION_SCHEDULER_ID=42\n\
                    ACTION_SCHEDULER_SCHEDULED_AT=2026-01-02T03:04:05Z";
    assert_eq!(output, expected);
}

#[tokio::test]
async fn the_span_of_the_attempt_is_in_the_environment_and_nobody_elses() {
    assert_eq!(output_of("echo $TRACEPARENT").await, SPAN);
    let mut config = sh("true");
    config.env.push(("TRACEPARENT".into(), SPAN.into()));
    assert!(Command::new(config).unwrap_err().to_string().contains("is set by the scheduler"));
}

#[tokio::test]
async fn args_too_long_for_the_environment_come_on_standard_input_only() {
    let args = Args::new(["x".repeat(ARGS_IN_ENV)]).unwrap();
    let bytes = args.as_str().len() + 1;
    let context = context_with(args, CancellationToken::new());
    let script = r#"echo "${ACTION_SCHEDULER_ARGS-unset} $ACTION_SCHEDULER_ARGS_TOO_LONG"; wc -c"#;
    let (result, output) = run_in(sh(script), &context).await;
    assert_eq!(result, Ok(()));
    let output = output.unwrap();
    let words: Vec<&str> = output.split_whitespace().collect();
    assert_eq!(words, ["unset", "1", &bytes.to_string()]);
}

#[tokio::test]
async fn the_longest_args_that_go_into_the_environment_do_fit() {
    let args = Args::new(["x".repeat(ARGS_IN_ENV - 4)]).unwrap();
    assert_eq!(args.as_str().len(), ARGS_IN_ENV);
    let context = context_with(args, CancellationToken::new());
    let (result, output) = run_in(sh(r#"echo "${#ACTION_SCHEDULER_ARGS}""#), &context).await;
    assert_eq!((result, output.unwrap()), (Ok(()), ARGS_IN_ENV.to_string()));
}

#[tokio::test]
async fn long_input_and_long_output_do_not_block_each_other() {
    let args = Args::new(["x".repeat(8 * 1024 * 1024)]).unwrap();
    let context = context_with(args, CancellationToken::new());
    let (result, output) = run_in(CommandConfig::new(["cat"]), &context).await;
    assert_eq!(result, Ok(()));
    assert!(output.unwrap().ends_with("xxx\"]"));
}

#[tokio::test]
async fn a_command_that_does_not_read_its_input_succeeds() {
    let args = Args::new(["x".repeat(1024 * 1024)]).unwrap();
    let context = context_with(args, CancellationToken::new());
    let (result, output) = run_in(sh("exec 0<&-; echo done"), &context).await;
    assert_eq!((result, output.as_deref()), (Ok(()), Some("done")));
}

#[tokio::test]
async fn only_harmless_variables_are_inherited_unless_all_are_asked_for() {
    // Cargo sets this one for tests; it stands for a secret of the scheduler's.
    let script = "echo ${CARGO_MANIFEST_DIR-unset} ${PATH:+path} $MINE";
    let mut config = sh(script);
    config.env.push(("MINE".into(), "here".into()));
    let (_, output) = run(config.clone()).await;
    assert_eq!(output.unwrap(), "unset path here");
    config.inherit_env = InheritEnv::All;
    let (_, output) = run(config).await;
    assert_eq!(output.unwrap(), format!("{} path here", env!("CARGO_MANIFEST_DIR")));
}

#[tokio::test]
async fn it_runs_in_its_working_dir() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = CommandConfig::new(["pwd", "-P"]);
    config.working_dir = Some(dir.path().to_owned());
    let (_, output) = run(config).await;
    assert_eq!(Path::new(&output.unwrap()), dir.path().canonicalize().unwrap());
}

#[tokio::test]
async fn both_streams_are_logged_in_the_order_of_printing() {
    let output = output_of("for i in 1 2 3; do echo out $i; echo err $i >&2; done").await;
    assert_eq!(output, "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3");
}

#[tokio::test]
async fn of_a_long_output_the_end_is_kept() {
    let output = output_of("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo the end").await;
    let (first, rest) = output.split_once('\n').unwrap();
    assert_eq!(first, format!("… {} bytes before this were cut", 50_000_009 - 8 * 1024));
    assert!(rest.starts_with("xxx") && rest.ends_with("xxx\nthe end"));
    assert_eq!(rest.len(), 8 * 1024 - 1, "all but the last line break");
}

#[tokio::test]
async fn a_silent_command_leaves_no_entry() {
    assert_eq!(run(sh(":")).await, (Ok(()), None));
    let mut config = sh("echo much; exit 3");
    config.output_limit = 0;
    assert_eq!(run(config).await, (Err(Failure::new("exit code 3")), None));
}

#[tokio::test]
async fn a_failure_names_the_exit_code_and_the_last_line() {
    let (result, output) = run(sh("echo first; echo 'no space left' >&2; echo; exit 3")).await;
    assert_eq!(result, Err(Failure::new("exit code 3: no space left")));
    assert_eq!(output.unwrap(), "first\nno space left");
}

#[tokio::test]
async fn a_failure_names_the_signal() {
    let (result, _) = run(sh("kill -9 $$")).await;
    assert_eq!(result, Err(Failure::new("killed by signal 9 (SIGKILL)")));
}

#[tokio::test]
async fn exit_codes_decide_about_success_and_another_attempt() {
    let mut config = sh("exit 2");
    config.ok_exit_codes = vec![0, 2];
    config.retry_exit_codes = Some(vec![75]);
    assert_eq!(run(config.clone()).await.0, Ok(()));
    config.argv[2] = "exit 75".into();
    assert_eq!(run(config.clone()).await.0, Err(Failure::new("exit code 75")));
    config.argv[2] = "exit 64".into();
    assert_eq!(run(config.clone()).await.0, Err(Failure::permanent("exit code 64")));
    config.argv[2] = "kill -15 $$".into();
    assert_eq!(run(config).await.0.unwrap_err().retry, RetryAdvice::Policy);
}

#[tokio::test]
async fn what_cannot_be_started_is_named() {
    let (result, _) = run(CommandConfig::new(["no-such-program"])).await;
    let failure = result.unwrap_err();
    assert!(
        failure.reason.starts_with("could not start \"no-such-program\": No such file"),
        "{failure:?}"
    );
    assert_eq!(failure.retry, RetryAdvice::Policy);
    let mut config = sh(":");
    config.working_dir = Some("/no/such/dir".into());
    let reason = run(config).await.0.unwrap_err().reason;
    assert_eq!(
        reason,
        "could not start \"/bin/sh\": its working directory /no/such/dir does not exist"
    );
}

#[tokio::test]
async fn nothing_is_started_when_the_attempt_is_canceled_already() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = sh("touch started");
    config.working_dir = Some(dir.path().to_owned());
    let cancellation = CancellationToken::new();
    cancellation.cancel();
    let (result, _) = run_in(config, &context_with(Args::none(), cancellation)).await;
    assert_eq!(result.unwrap_err().reason, "canceled before the command was started");
    assert!(!dir.path().join("started").exists());
}

/// Starts the config, waits for a line of the pipe, cancels, and gives the result and the output.
async fn cancel_once_ready(
    fifo: &mut Fifo,
    config: CommandConfig,
) -> (Result<(), Failure>, Option<String>) {
    let cancellation = CancellationToken::new();
    let context = context_with(Args::none(), cancellation.clone());
    let ready = async {
        fifo.line().await.expect("it never was ready");
        cancellation.cancel();
    };
    tokio::join!(run_in(config, &context), ready).0
}

#[tokio::test]
async fn a_canceled_command_may_clean_up() {
    let mut fifo = Fifo::new();
    let config = fifo
        .sh("trap 'echo cleaned up; exit 0' TERM; echo ready >&3; while :; do sleep 0.01; done");
    let (result, output) = cancel_once_ready(&mut fifo, config).await;
    assert_eq!(result, Err(Failure::new("canceled: exit code 0: cleaned up")));
    // The shell may also say that the sleep was terminated.
    assert!(output.unwrap().ends_with("cleaned up"));
    assert_eq!(fifo.line().await, None);
}

#[tokio::test]
async fn a_canceled_command_that_does_not_end_is_killed_after_the_grace() {
    let mut fifo = Fifo::new();
    let mut config =
        fifo.sh("trap '' TERM; sleep 1000 & echo ready >&3; while :; do sleep 1; done");
    config.grace = Duration::from_millis(50);
    let (result, _) = cancel_once_ready(&mut fifo, config).await;
    assert_eq!(result, Err(Failure::new("canceled: killed by signal 9 (SIGKILL)")));
    assert_eq!(fifo.line().await, None, "its background process is gone too");
}

#[tokio::test]
async fn what_a_shell_started_has_the_grace_though_the_shell_dies_at_once() {
    let mut fifo = Fifo::new();
    let config = fifo.sh(
        "sh -c 'trap \"sleep 0.2; echo cleaned up; exit 0\" TERM; echo ready >&3; while :; do sleep 0.01; done'; :",
    );
    let (result, output) = cancel_once_ready(&mut fifo, config).await;
    assert!(output.unwrap().ends_with("cleaned up"));
    assert_eq!(result, Err(Failure::new("canceled: killed by signal 15 (SIGTERM): cleaned up")));
}

#[tokio::test]
async fn a_dropped_handler_leaves_no_process_behind() {
    let mut fifo = Fifo::new();
    let config = fifo.sh("trap '' TERM; sh -c 'sleep 1000; :' & echo $$ >&3; echo $! >&3; wait");
    let command = Command::new(config).unwrap();
    let context = context();
    let mut call = Box::pin(command.call(&context));
    let mut pids = Vec::new();
    while pids.len() < 2 {
        tokio::select! {
            result = &mut call => panic!("ended early: {result:?}"),
            line = fifo.line() => pids.push(line.unwrap()),
        }
    }
    drop(call);
    assert_eq!(fifo.line().await, None, "all processes are dead");
    until_gone(&pids[0]).await;
}

#[tokio::test]
async fn what_a_command_leaves_running_is_killed_and_holds_nothing_up() {
    let mut fifo = Fifo::new();
    let (result, output) = run(fifo.sh("sleep 1000 & echo $! >&3; echo done")).await;
    assert_eq!((result, output.as_deref()), (Ok(()), Some("done")));
    fifo.line().await.unwrap();
    assert_eq!(fifo.line().await, None);
}

#[tokio::test]
async fn a_process_that_left_the_group_holds_nothing_up() {
    let mut fifo = Fifo::new();
    // The daemon holds our output open until it is let go by `release`.
    let dir = tempfile::tempdir().unwrap();
    let mut config = fifo.sh(
        "mkfifo release gone; setsid sh -c 'echo > gone; echo daemon >&3; read x < release; echo over >&3' & \
         read x < gone; echo done",
    );
    config.working_dir = Some(dir.path().to_owned());
    let (result, output) = run(config).await;
    assert_eq!((result, output.as_deref()), (Ok(()), Some("done")));
    assert_eq!(fifo.line().await.as_deref(), Some("daemon"));
    std::fs::write(dir.path().join("release"), "now\n").unwrap();
    assert_eq!(fifo.line().await.as_deref(), Some("over"));
}

#[tokio::test]
async fn many_commands_at_once_keep_apart() {
    let runs: Vec<_> = (0..40)
        .map(|number| {
            tokio::spawn(async move {
                let args = Args::new([number]).unwrap();
                let context = context_with(args, CancellationToken::new());
                let (result, output) = run_in(CommandConfig::new(["cat"]), &context).await;
                assert_eq!((result, output.unwrap()), (Ok(()), format!("[{number}]")));
            })
        })
        .collect();
    for run in runs {
        run.await.unwrap();
    }
}

#[test]
fn a_config_that_cannot_work_is_refused() {
    let refused = |change: fn(&mut CommandConfig)| {
        let mut config = CommandConfig::new(["true"]);
        change(&mut config);
        Command::new(config).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|config| config.argv.clear()),
        "command \"\": expected a program and its arguments"
    );
    assert_eq!(refused(|config| config.argv[0].clear()), "command \"\": the program has no name");
    assert_eq!(
        refused(|config| config.argv.push("a\0b".into())),
        "command \"true\": an argument has a NUL character"
    );
    for (name, value, problem) in [
        ("", "x", "the name is empty"),
        ("A=B", "x", "the name has a = or a NUL character"),
        ("A", "x\0", "the value has a NUL character"),
        ("ACTION_SCHEDULER_ID", "x", "is set by the scheduler"),
    ] {
        let mut config = CommandConfig::new(["true"]);
        config.env.push((name.into(), value.into()));
        let error = Command::new(config).unwrap_err().to_string();
        assert_eq!(error, format!("environment variable {name:?}: {problem}"));
    }
    assert!(refused(|config| config.output_limit = usize::MAX).contains("at most 1048576 bytes"));
    assert!(refused(|config| config.ok_exit_codes.clear()).contains("at least one exit code"));
}

#[test]
fn arguments_and_values_are_never_shown() {
    let mut config = CommandConfig::new(["mysql", "--password=hunter2"]);
    config.env.push(("TOKEN".into(), "hunter2".into()));
    let command: Arc<dyn Handler> = Arc::new(Command::new(config.clone()).unwrap());
    assert_eq!(command.describe(), "command mysql");
    let debug = format!("{config:?}");
    assert!(debug.contains("mysql") && debug.contains("TOKEN") && !debug.contains("hunter2"));
}
