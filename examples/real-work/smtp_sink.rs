//! An SMTP server that takes every message and throws it away. It prints a line for each: whom it is for, and its id.
//!
//! As many real ones do, it is not always willing: every hundredth recipient is told to come back later, once.
//!
//! `cargo run -p action-scheduler-examples --example smtp_sink -- 127.0.0.1:2525`

use std::io;

use testkit::mail::{MailServer, Manners};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let address = address.parse().map_err(|_| {
        io::Error::other(format!("{address:?}: expected an address and a port, as 127.0.0.1:2525"))
    })?;
    let manners = Manners { defers_one_in: Some(100), ..Manners::default() };
    let mut server = MailServer::at(address, manners).await?;
    println!("listening on {}", server.address());
    loop {
        let message = server.message().await;
        let id = message.header("Message-ID").unwrap_or("without id");
        println!("message for {} {id}", message.recipients.join(","));
    }
}
