//! HTTP for clients that cost as little as can be: what is measured is the server.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The most that an answer may hold, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// A connection to the server that is measured.
pub(in super::super) struct Wire {
    stream: BufReader<TcpStream>,
    host: String,
    token: String,
}

impl Wire {
    /// Connects to an address, and asks in the name of a token.
    pub(in super::super) async fn connect(address: &str, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting to the server")?;
        stream.set_nodelay(true)?;
        let (host, token) = (address.to_owned(), token.to_owned());
        Ok(Self { stream: BufReader::new(stream), host, token })
    }

    /// Posts JSON to a path.
    pub(in super::super) async fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.send(path, body).await?;
        json(&self.answer(path).await?)
    }

    /// What is at a path.
    pub(in super::super) async fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        self.ask(path, "*/*").await?;
        self.answer(path).await
    }

    /// Begins to listen to the events at a path. Nothing else can be asked for over this connection.
    pub(super) async fn listen(&mut self, path: &str) -> Result<()> {
        self.ask(path, "text/event-stream").await?;
        self.head(path).await
    }

    /// Asks for what is at a path until its first part is there: how many bytes that has. Nothing else can be asked for over
    /// this connection.
    pub(in super::super) async fn begin(mut self, path: &str) -> Result<usize> {
        self.ask(path, "*/*").await?;
        self.head(path).await?;
        while !self.line().await?.is_empty() {}
        Ok(self.stream.fill_buf().await.context("reading an answer")?.len())
    }

    async fn head(&mut self, path: &str) -> Result<()> {
        let status = self.line().await?;
        if !is_good(&status) {
            bail!("{path}: {status}");
        }
        Ok(())
    }

    /// Waits for the next event that says that something happened.
    pub(super) async fn event(&mut self) -> Result<()> {
        // The sizes of chunks stand on lines of their own, between events.
        loop {
            if matches!(self.line().await?.as_str(), "event: changed" | "event: missed") {
                return Ok(());
            }
        }
    }

    /// Sends a request, whose answer is not awaited here.
    pub(super) async fn send(&mut self, path: &str, body: &Value) -> Result<()> {
        let (host, token, body) = (&self.host, &self.token, body.to_string());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    async fn ask(&mut self, path: &str, accept: &str) -> Result<()> {
        let (host, token) = (&self.host, &self.token);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\naccept: {accept}\r\n\r\n"
        );
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    /// The body of the answer to the request that was sent last.
    async fn answer(&mut self, path: &str) -> Result<Vec<u8>> {
        let status = self.line().await?;
        let mut length = 0;
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().context("content-length")?,
                "transfer-encoding" => bail!("{path}: an answer in chunks is not understood"),
                _ => {}
            }
        }
        if length > LARGEST {
            bail!("{path}: an answer of {length} bytes");
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.context("reading an answer")?;
        if !is_good(&status) {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await.context("reading an answer")? == 0 {
            bail!("the server hung up");
        }
        Ok(line.trim_end().to_owned())
    }
}

fn is_good(status: &str) -> bool {
    status.starts_with("HTTP/1.1 2")
}

fn json(body: &[u8]) -> Result<Value> {
    Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(body)? })
}
