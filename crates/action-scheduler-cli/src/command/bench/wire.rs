//! HTTP for remote workers that cost as little as can be: what is measured is the server.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The most that an answer may hold, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// A connection to the server that is measured.
pub(super) struct Wire {
    stream: BufReader<TcpStream>,
    host: String,
    token: String,
}

impl Wire {
    /// Connects to an address, and asks in the name of a token.
    pub(super) async fn connect(address: &str, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting to the server")?;
        stream.set_nodelay(true)?;
        let (host, token) = (address.to_owned(), token.to_owned());
        Ok(Self { stream: BufReader::new(stream), host, token })
    }

    /// Posts JSON to a path of the API.
    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.send(path, body).await?;
        self.answer(path).await
    }

    /// Sends a request, whose answer is not awaited here.
    pub(super) async fn send(&mut self, path: &str, body: &Value) -> Result<()> {
        let (host, token, body) = (&self.host, &self.token, body.to_string());
        let request = format!(
            "POST /api/v1{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    /// The answer to the request that was sent last.
    pub(super) async fn answer(&mut self, path: &str) -> Result<Value> {
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
        if !status.starts_with("HTTP/1.1 2") {
            bail!("{path}: {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? })
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await.context("reading an answer")? == 0 {
            bail!("the server hung up");
        }
        Ok(line.trim_end().to_owned())
    }
}
