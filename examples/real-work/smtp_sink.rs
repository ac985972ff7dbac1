//! An SMTP server that takes every message and throws it away. It prints a line for each: whom it is for, and its id.
//!
//! As many real ones do, it is not always willing: every hundredth recipient is told to come back later, once.
//!
//! `cargo run -p action-scheduler-examples --example smtp_sink -- 127.0.0.1:2525`

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let known = Arc::new(Mutex::new(HashSet::new()));
    loop {
        let (connection, _) = listener.accept().await?;
        let known = Arc::clone(&known);
        tokio::spawn(async move {
            if let Err(error) = converse(connection, &known).await {
                eprintln!("a connection broke: {error}");
            }
        });
    }
}

/// Whether a recipient has to come back later.
fn defers(known: &Mutex<HashSet<String>>, recipient: &str) -> bool {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.insert(recipient.to_owned()) && known.len().is_multiple_of(100)
}

async fn converse(connection: TcpStream, known: &Mutex<HashSet<String>>) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut connection = BufStream::new(connection);
    let mut recipient = String::new();
    answer(&mut connection, "220 sink").await?;
    while let Some(line) = read_line(&mut connection).await? {
        let (verb, rest) = line.split_at_checked(4).unwrap_or((&line, ""));
        let reply = match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" | "NOOP" | "MAIL" => "250 ok",
            "RSET" => {
                recipient.clear();
                "250 ok"
            }
            "RCPT" => match rest.split(['<', '>']).nth(1) {
                Some(address) if defers(known, address) => "451 come back later",
                Some(address) => {
                    address.clone_into(&mut recipient);
                    "250 ok"
                }
                None => "501 expected RCPT TO:<address>",
            },
            "DATA" if recipient.is_empty() => "503 no recipient",
            "DATA" => {
                answer(&mut connection, "354 go ahead").await?;
                let Some(id) = read_message(&mut connection).await? else { break };
                // One write for each line: several connections share the output.
                io::stdout().write_all(format!("message for {recipient} {id}\n").as_bytes())?;
                recipient.clear();
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

/// Reads a message up to the line with a single dot. Gives its id.
async fn read_message(connection: &mut BufStream<TcpStream>) -> io::Result<Option<String>> {
    let mut id = String::from("without id");
    while let Some(line) = read_line(connection).await? {
        match line.split_once(": ") {
            _ if line == "." => return Ok(Some(id)),
            Some((name, value)) if name.eq_ignore_ascii_case("message-id") => {
                value.clone_into(&mut id);
            }
            _ => {}
        }
    }
    Ok(None)
}
