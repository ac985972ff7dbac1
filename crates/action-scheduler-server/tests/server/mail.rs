//! Alerts by e-mail, to a real server of mail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::handler::HandlerContext;
use action_scheduler::store::ClaimedAction;
use action_scheduler::time::Clock;
use action_scheduler::{
    ActionId, Args, Attempt, Failure, Group, Handler, Hook, Priority, Runner, RunnerConfig,
    Scheduler, Shutdown,
};
use action_scheduler_server::ServerConfig;
use action_scheduler_server::alerts::{Alerts, Email, EmailConfig, HOOK, Rules};
use serde_json::json;
use testkit::MemoryStore;
use testkit::mail::{Greeting, Heard, MailServer, Manners, vacant_address};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::running::Running;

fn email_by(server: SocketAddr, password: &str) -> Email {
    let config = EmailConfig {
        server: format!("smtp://{server}"),
        user: Some("scheduler".to_owned()),
        password: Some(password.to_owned()),
        from: "Scheduler <scheduler@example.com>".to_owned(),
        to: vec!["ops@example.com".to_owned(), "boss@example.com".to_owned()],
    };
    Email::new(config).unwrap()
}

fn alerting_by(email: Email) -> ServerConfig {
    let targets = vec![Arc::new(email) as Arc<dyn Handler>];
    let alerts = Alerts { rules: Rules::default(), targets, every: Duration::from_millis(20) };
    ServerConfig { alerts, ..ServerConfig::default() }
}

fn knowing(password: &str) -> Manners {
    let user = Some(("scheduler".to_owned(), password.to_owned()));
    Manners { user, ..Manners::default() }
}

/// Something is wrong: an action is an hour late.
async fn late(scheduler: &Scheduler) -> ActionId {
    let due = scheduler.now() - Duration::from_secs(3600);
    scheduler.schedule_single(due, "send_invoice", ()).await.unwrap().unwrap()
}

/// An alert, as a target is called with it.
fn alert() -> HandlerContext {
    let noon = testkit::conformance::NOON.parse().unwrap();
    let args = json!({"event": "begun", "summary": "late", "begun_at": "noon", "path": "/"});
    let action = ClaimedAction {
        id: ActionId::new(1).unwrap(),
        hook: Hook::new(HOOK).unwrap(),
        group: Group::default(),
        args: Args::new(args).unwrap(),
        priority: Priority::default(),
        attempts: Attempt(1),
        scheduled_at: noon,
        chain: None,
    };
    HandlerContext::new(action, Attempt(1), None, noon, CancellationToken::new())
}

#[tokio::test]
async fn an_alert_comes_as_a_mail_when_it_begins_and_as_another_when_it_is_over() {
    let mut mail = MailServer::start(knowing("right")).await;
    let server = Running::with_config(alerting_by(email_by(mail.address(), "right"))).await;
    let late = late(&server.scheduler).await;
    let begun = mail.message().await;
    assert_eq!(begun.recipients, ["ops@example.com", "boss@example.com"]);
    assert_eq!(begun.header("From"), Some("Scheduler <scheduler@example.com>"));
    let subject = begun.header("Subject").unwrap();
    assert!(subject.starts_with("[Action Scheduler] 1 action is past-due"), "{subject}");
    assert!(begun.text.contains("begun  2026-01-15T12:00:00Z"), "{}", begun.text);
    server.scheduler.cancel(late).await.unwrap();
    let over = mail.message().await;
    let subject = over.header("Subject").unwrap();
    assert!(subject.starts_with("[Action Scheduler] over: 1 action"), "{subject}");
}

#[tokio::test]
async fn a_server_of_mail_that_is_away_is_tried_again_until_it_is_there() {
    let address = vacant_address();
    let failure = email_by(address, "right").call(&alert()).await.unwrap_err();
    assert!(failure.reason.to_lowercase().contains("connect"), "{}", failure.reason);

    let server = Running::with_config(alerting_by(email_by(address, "right"))).await;
    late(&server.scheduler).await;
    // The admin shows it meanwhile, and where to look.
    let shown = async {
        loop {
            let page = server.get("/").send().await.unwrap().text().await.unwrap();
            if page.contains("1 action is past-due") {
                return page;
            }
        }
    };
    let page = tokio::time::timeout(Duration::from_secs(60), shown).await.expect("it is shown");
    let (before, _) = page.split_once("\">Look at it").unwrap();
    let (_, path) = before.rsplit_once("href=\"").unwrap();
    assert_eq!(server.get(path).send().await.unwrap().status(), 200, "{path}");
    let mut mail = MailServer::at(address, knowing("right")).await.unwrap();
    assert!(mail.message().await.text.contains("1 action is past-due"));
}

#[tokio::test]
async fn a_wrong_password_is_said_without_it_and_tried_again() {
    let mut mail = MailServer::start(knowing("right")).await;
    let address = mail.address();
    let failure = email_by(address, "hunter2").call(&alert()).await.unwrap_err();
    assert!(failure.reason.contains("535"), "{}", failure.reason);
    assert!(!failure.reason.contains("hunter2"), "{}", failure.reason);
    assert_eq!([mail.next().await, mail.next().await], [Heard::Connection, Heard::WrongPassword]);

    let server = Running::with_config(alerting_by(email_by(address, "hunter2"))).await;
    late(&server.scheduler).await;
    for _ in 0..2 {
        while mail.next().await != Heard::WrongPassword {}
    }
    // Somebody makes it right where the mail is.
    mail.stop().await;
    let mut mail = MailServer::at(address, knowing("hunter2")).await.unwrap();
    assert!(mail.message().await.text.contains("1 action is past-due"));
}

#[tokio::test]
async fn a_server_of_mail_that_says_nothing_keeps_no_action_from_running() {
    crate::running::crypto();
    let manners = Manners { greeting: Greeting::Silent, ..knowing("right") };
    let mut mail = MailServer::start(manners).await;
    let scheduler = Scheduler::builder(Arc::new(MemoryStore::new(Clock::system()))).build();
    let ran = Arc::new(Notify::new());
    let runs = Arc::clone(&ran);
    scheduler
        .on("work", move |(): (), _| {
            runs.notify_one();
            async { Ok::<(), Failure>(()) }
        })
        .unwrap();
    let every = action_scheduler::schedule::Interval::new(
        Duration::from_secs(60),
        action_scheduler::schedule::Cadence::AfterRun,
    );
    let action = scheduler.schedule_recurring(scheduler.now(), every.unwrap(), "report", ()).await;
    let chain = scheduler.fetch(action.unwrap().unwrap()).await.unwrap().chain.unwrap();
    scheduler.pause(chain, "the printer is on fire").await.unwrap();
    let config = alerting_by(email_by(mail.address(), "right"));
    let server = Running::over(scheduler.clone(), config).await;
    assert_eq!(mail.next().await, Heard::Connection);

    let shutdown = Shutdown::new();
    let runner = Runner::new(scheduler.clone(), RunnerConfig::default());
    let running = tokio::spawn(runner.run(shutdown.clone()));
    for _ in 0..10 {
        scheduler.enqueue_async("work", ()).await.unwrap();
        ran.notified().await;
    }
    shutdown.stop();
    running.await.unwrap().unwrap();
    drop(server);
}
