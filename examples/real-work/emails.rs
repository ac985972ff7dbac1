//! Sends many e-mails through an SMTP server: scheduled in bulk, sent by many workers at once, each over a connection
//! that is kept open.
//!
//! `cargo run -p action-scheduler-examples --example emails -- 127.0.0.1:2525 10000`

use std::sync::Arc;
use std::time::{Duration, Instant};

use action_scheduler::policy::{Backoff, PolicyChange};
use action_scheduler::{
    Event, Failure, HandlerContext, Policies, Runner, RunnerConfig, Scheduler, Shutdown, store,
};
use lettre::transport::smtp::PoolConfig;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// The args of the hook `send_email`.
#[derive(Serialize, Deserialize)]
struct Email {
    to: String,
    subject: String,
    body: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: emails HOST:PORT COUNT [WORKERS]";
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().ok_or(usage)?;
    let (host, port) = server.rsplit_once(':').ok_or(usage)?;
    let count: usize = arguments.next().ok_or(usage)?.parse()?;
    let workers: u16 = arguments.next().map_or(Ok(32), |text| text.parse())?;

    // A server on this machine needs no TLS. For any other, take lettre's feature `tokio1-rustls` and `Smtp::relay`.
    let smtp: Smtp = Smtp::builder_dangerous(host)
        .port(port.parse()?)
        .pool_config(PoolConfig::new().max_size(workers.into()))
        .build();

    let mut policies = Policies::default();
    policies.set(
        "send_email".parse()?,
        PolicyChange {
            max_attempts: Some(8),
            backoff: Some(Backoff {
                first: Duration::from_secs(1),
                max: Duration::from_secs(3600),
            }),
            ..Default::default()
        },
    );
    let (report, mut reports) = mpsc::unbounded_channel();
    let observer = move |event: &Event| {
        let is_sent = match event {
            Event::Completed { .. } => true,
            Event::Failed { .. } => false,
            _ => return,
        };
        let _ = report.send(is_sent);
    };
    let scheduler = Scheduler::builder(store::open("sqlite:emails.db").await?)
        .policies(policies)
        .observer(Arc::new(observer))
        .build();
    scheduler.on("send_email", move |email: Email, context| {
        let smtp = smtp.clone();
        async move { send(&smtp, email, &context).await }
    })?;

    let begun = Instant::now();
    let actions: Vec<_> = (1..=count)
        .map(|number| {
            let email = Email {
                to: format!("customer-{number}@shop.example"),
                subject: format!("Your invoice {number}"),
                body: format!("Dear customer {number},\n\nthank you for your order.\n"),
            };
            scheduler.enqueue_async("send_email", email).group("invoices").into_action()
        })
        .collect::<Result<_, _>>()?;
    let stored = scheduler.insert(actions).await?;
    println!("scheduled {} in {:.1?}", stored.len(), begun.elapsed());

    let shutdown = Shutdown::new();
    let config = RunnerConfig { workers: workers.into(), ..Default::default() };
    let runner = tokio::spawn(Runner::new(scheduler, config).run(shutdown.clone()));
    let begun = Instant::now();
    let mut sent = 0;
    for _ in 0..stored.len() {
        sent += usize::from(reports.recv().await.ok_or("the runner is gone")?);
    }
    shutdown.stop();
    let report = runner.await??;
    println!("sent {sent} in {:.1?}, {} attempts repeated", begun.elapsed(), report.retried);
    Ok(())
}

async fn send(smtp: &Smtp, email: Email, context: &HandlerContext) -> Result<(), Failure> {
    let message = Message::builder()
        // The same for each attempt, so that whoever receives it twice can tell.
        .message_id(Some(format!("<action-{}@shop.example>", context.id())))
        .from("Shop <shop@shop.example>".parse()?)
        .to(email.to.parse()?)
        .subject(email.subject)
        .body(email.body)?;
    match smtp.send(message).await {
        Ok(answer) => {
            context.log(format!("the server answers {}", answer.code()));
            Ok(())
        }
        // No such mailbox, for instance: another attempt would not help.
        Err(error) if error.is_permanent() => Err(Failure::permanent(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
