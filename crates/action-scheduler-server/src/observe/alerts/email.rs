//! E-mail, as a target of alerts.

use std::fmt;
use std::time::Duration;

use action_scheduler::{Failure, Handler, HandlerContext, Invalid};
use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;

/// How long a server of mail may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where mail goes, and by which server.
#[derive(Clone)]
pub struct EmailConfig {
    /// The server: `smtp://host:25`, `smtps://host:465`, `smtp://host:587?tls=required`. No user and no password.
    pub server: String,
    /// The user to sign in as.
    pub user: Option<String>,
    /// The password to sign in with.
    pub password: Option<String>,
    /// The sender.
    pub from: String,
    /// The receivers.
    pub to: Vec<String>,
}

/// Without the password.
impl fmt::Debug for EmailConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailConfig")
            .field("server", &self.server)
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// Sends the alerts it is called with as plain text.
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// What is read of an alert.
#[derive(Deserialize)]
struct Notice {
    event: String,
    summary: String,
    begun_at: String,
    over_at: Option<String>,
    path: String,
}

impl Email {
    /// Checks the config. Nothing is sent.
    pub fn new(config: EmailConfig) -> Result<Self, Invalid> {
        let mailbox = |text: &String| {
            text.parse::<Mailbox>().map_err(|error| {
                let expected = format!("expected an address such as ops@example.com: {error}");
                Invalid::new("e-mail address", text, expected)
            })
        };
        let server = &config.server;
        if server.contains('@') {
            let problem = "it holds a user; name the user and where the password is apart from it";
            return Err(Invalid::new("mail server", "…", problem));
        }
        let mut transport =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(server).map_err(|error| {
                let expected = format!("expected a URL such as smtp://localhost:25: {error}");
                Invalid::new("mail server", server, expected)
            })?;
        if let (Some(user), Some(password)) = (&config.user, &config.password) {
            transport = transport.credentials(Credentials::new(user.clone(), password.clone()));
        }
        let to = config.to.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err(Invalid::new("e-mail address", "", "expected at least one receiver"));
        }
        let transport = transport.timeout(Some(PATIENCE)).build();
        Ok(Self { transport, from: mailbox(&config.from)?, to })
    }

    fn message(&self, notice: &Notice) -> Result<Message, Failure> {
        let subject = match notice.event.as_str() {
            "over" => format!("[Action Scheduler] over: {}", notice.summary),
            _ => format!("[Action Scheduler] {}", notice.summary),
        };
        let mut text = format!("{}\n\nbegun  {}\n", notice.summary, notice.begun_at);
        if let Some(over) = &notice.over_at {
            text.push_str(&format!("over   {over}\n"));
        }
        text.push_str(&format!("see    {} in the admin\n", notice.path));
        let mut message = Message::builder().from(self.from.clone());
        for to in &self.to {
            message = message.to(to.clone());
        }
        // A subject is one line.
        let subject: String =
            subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Ok(message.subject(subject).header(ContentType::TEXT_PLAIN).body(text)?)
    }
}

#[async_trait]
impl Handler for Email {
    async fn call(&self, context: &HandlerContext) -> Result<(), Failure> {
        let notice: Notice = context.args().parse_as()?;
        self.transport.send(self.message(&notice)?).await?;
        Ok(())
    }

    fn describe(&self) -> String {
        let to: Vec<String> = self.to.iter().map(|to| to.email.to_string()).collect();
        format!("e-mail to {}", to.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> EmailConfig {
        EmailConfig {
            server: "smtp://localhost:25".to_owned(),
            user: None,
            password: None,
            from: "Scheduler <scheduler@example.com>".to_owned(),
            to: vec!["ops@example.com".to_owned()],
        }
    }

    fn refused(config: EmailConfig) -> String {
        Email::new(config).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[tokio::test]
    async fn what_is_no_address_or_server_is_refused() {
        assert_eq!(refused(config()), "");
        assert!(refused(EmailConfig { to: vec![], ..config() }).contains("at least one receiver"));
        assert!(refused(EmailConfig { from: "nobody".into(), ..config() }).contains("\"nobody\""));
        let server = "http://example.com".to_owned();
        assert!(refused(EmailConfig { server, ..config() }).contains("mail server"));
    }

    #[tokio::test]
    async fn a_password_in_the_url_is_refused_and_not_quoted() {
        let server = "smtp://me:xyzzy@example.com".to_owned();
        let problem = refused(EmailConfig { server, ..config() });
        assert!(problem.contains("mail server"), "{problem}");
        assert!(!problem.contains("xyzzy"), "{problem}");
    }

    #[tokio::test]
    async fn a_summary_cannot_add_headers() {
        let notice = Notice {
            event: "begun".to_owned(),
            summary: "bad\r\nBcc: everyone@example.com".to_owned(),
            begun_at: "now".to_owned(),
            over_at: None,
            path: "/actions".to_owned(),
        };
        let message = Email::new(config()).unwrap().message(&notice).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        let headers = text.split("\r\n\r\n").next().unwrap();
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{headers}");
    }
}
