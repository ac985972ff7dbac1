//! A server of mail (SMTP) that throws away what it takes, and tells of it: for programs that send mail.
//!
//! It listens as long as it is held, on a port that no other program is given while it does not.
//!
//! ```no_run
//! use testkit::mail::{Heard, MailServer, Manners};
//!
//! # async fn tests() {
//! let mut server = MailServer::start(Manners::default()).await;
//! println!("send to smtp://{}", server.address());
//! let Heard::Message(message) = server.next().await else { panic!("no message") };
//! println!("{} got {}", message.recipients.join(", "), message.text);
//! # }
//! ```

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};

use crate::servers::free_port;

/// How a server treats those who come.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// The only user, with their password; without one anybody may send.
    pub user: Option<(String, String)>,
    /// Of so many recipients, one is told to come back later, once.
    pub defers_one_in: Option<usize>,
    /// How it begins.
    pub greeting: Greeting,
}

/// How a server begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Greeting {
    /// It greets at once.
    #[default]
    Friendly,
    /// It takes connections and says nothing, ever.
    Silent,
}

/// What a server heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Somebody has connected.
    Connection,
    /// Somebody was refused, as their password was wrong.
    WrongPassword,
    /// A message was taken.
    Message(Message),
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whom it is for.
    pub recipients: Vec<String>,
    /// Headers and text, line by line.
    pub text: String,
}

impl Message {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.text.lines().take_while(|line| !line.is_empty());
        let mut pairs = headers.filter_map(|line| line.split_once(": "));
        pairs.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A server of mail.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    heard: UnboundedReceiver<Heard>,
    accepting: JoinHandle<()>,
}

impl MailServer {
    /// A server on a port of its own.
    pub async fn start(manners: Manners) -> Self {
        Self::at(vacant_address(), manners).await.expect("the port is free")
    }

    /// A server at this address.
    pub async fn at(address: SocketAddr, manners: Manners) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (tell, heard) = unbounded_channel();
        let desk = Arc::new(Desk { manners, tell, known: Mutex::default() });
        Ok(Self { address, heard, accepting: tokio::spawn(desk.accept(listener)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops. When this returns, another one may listen there.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // It ends as it was told to.
        let _ = (&mut self.accepting).await;
    }

    /// What it hears next.
    pub async fn next(&mut self) -> Heard {
        self.heard.recv().await.expect("the server runs as long as it is held")
    }

    /// The next message, whatever is heard before.
    pub async fn message(&mut self) -> Message {
        loop {
            if let Heard::Message(message) = self.next().await {
                return message;
            }
        }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An address at which nobody listens, and that no other program is given by itself.
pub fn vacant_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}

/// What all connections of a server share.
struct Desk {
    manners: Manners,
    tell: UnboundedSender<Heard>,
    known: Mutex<HashSet<String>>,
}

impl Desk {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut conversations = JoinSet::new();
        while let Ok((connection, _)) = listener.accept().await {
            self.hear(Heard::Connection);
            // One that breaks off is the business of whoever broke it.
            conversations.spawn(Arc::clone(&self).converse(connection));
            while conversations.try_join_next().is_some() {}
        }
    }

    /// Whoever no longer listens need not be told.
    fn hear(&self, heard: Heard) {
        let _ = self.tell.send(heard);
    }

    /// Whether a recipient has to come back later.
    fn defers(&self, recipient: &str) -> bool {
        let Some(one_in) = self.manners.defers_one_in else { return false };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(recipient.to_owned()) && known.len().is_multiple_of(one_in)
    }

    async fn converse(self: Arc<Self>, connection: TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut connection = BufStream::new(connection);
        if self.manners.greeting == Greeting::Silent {
            return std::future::pending().await;
        }
        let mut is_known = self.manners.user.is_none();
        let mut recipients: Vec<String> = Vec::new();
        answer(&mut connection, "220 sink").await?;
        while let Some(line) = read_line(&mut connection).await? {
            let (verb, rest) = line.split_at_checked(4).unwrap_or((&line, ""));
            let reply = match verb.to_ascii_uppercase().as_str() {
                "EHLO" if self.manners.user.is_some() => "250-sink\r\n250 AUTH PLAIN",
                "EHLO" | "HELO" | "NOOP" => "250 ok",
                "AUTH" => {
                    is_known = self.is_password(rest);
                    match is_known {
                        true => "235 welcome",
                        false => {
                            self.hear(Heard::WrongPassword);
                            "535 5.7.8 wrong user or password"
                        }
                    }
                }
                "RSET" => {
                    recipients.clear();
                    "250 ok"
                }
                "MAIL" if !is_known => "530 5.7.0 authentication required",
                "MAIL" => "250 ok",
                "RCPT" => match rest.split(['<', '>']).nth(1) {
                    Some(address) if self.defers(address) => "451 come back later",
                    Some(address) => {
                        recipients.push(address.to_owned());
                        "250 ok"
                    }
                    None => "501 expected RCPT TO:<address>",
                },
                "DATA" if recipients.is_empty() => "503 no recipient",
                "DATA" => {
                    answer(&mut connection, "354 go ahead").await?;
                    let Some(text) = read_message(&mut connection).await? else { break };
                    let recipients = std::mem::take(&mut recipients);
                    self.hear(Heard::Message(Message { recipients, text }));
                    "250 taken"
                }
                "QUIT" => {
                    answer(&mut connection, "221 bye").await?;
                    break;
                }
                _ => "502 not known here",
            };
            answer(&mut connection, reply).await?;
        }
        Ok(())
    }

    /// Whether ` PLAIN …` names the user and their password (RFC 4616).
    fn is_password(&self, sent: &str) -> bool {
        let Some((user, password)) = &self.manners.user else { return true };
        let expected = STANDARD.encode(format!("\0{user}\0{password}"));
        sent.trim().strip_prefix("PLAIN ").is_some_and(|sent| sent.trim() == expected)
    }
}

async fn answer(connection: &mut BufStream<TcpStream>, reply: &str) -> io::Result<()> {
    connection.write_all(format!("{reply}\r\n").as_bytes()).await?;
    connection.flush().await
}

/// The next line, or `None` when the other side is gone.
async fn read_line(connection: &mut BufStream<TcpStream>) -> io::Result<Option<String>> {
    let mut line = String::new();
    let length = connection.read_line(&mut line).await?;
    Ok((length > 0).then(|| line.trim_end().to_owned()))
}

/// A message, up to the line with a single dot.
async fn read_message(connection: &mut BufStream<TcpStream>) -> io::Result<Option<String>> {
    let mut text = String::new();
    while let Some(line) = read_line(connection).await? {
        if line == "." {
            return Ok(Some(text));
        }
        // A dot that a line began with was sent twice.
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push('\n');
    }
    Ok(None)
}
