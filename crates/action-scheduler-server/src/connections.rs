//! Connections: how many, with or without TLS, and how slow they may be.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use action_scheduler::Shutdown;
use axum::Router;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use crate::config::Limits;

/// How long answers that are under way may take when the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// How many headers a request may have.
const HEADERS: usize = 100;
/// How much of a request is held before its headers end, and with it how long they may be.
const BUFFER: usize = 64 * 1024;

/// Answers on the connections of a listener until it is told to stop; what is under way then has a short time to end.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    routes: Router,
    limits: &Limits,
    shutdown: Shutdown,
) -> Result<()> {
    let handle = Handle::new();
    let mut server = Server::<SocketAddr>::from_listener(listener)
        .handle(handle.clone())
        .http1_only()
        .first_request_timeout(limits.headers)
        .accept_error_handler(|from, error| {
            tracing::debug!(?from, %error, "a connection was not accepted");
        });
    server
        .http_builder()
        .http1()
        .header_read_timeout(limits.headers)
        .max_headers(HEADERS)
        .max_buf_size(BUFFER);
    let bounded =
        Bounded { room: Arc::new(Semaphore::new(limits.connections)), patience: limits.time };
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    let serving = async {
        match tls {
            None => server.acceptor(bounded).serve(routes).await,
            Some(config) => {
                let acceptor = RustlsAcceptor::new(config).acceptor(bounded);
                server.acceptor(acceptor).serve(routes).await
            }
        }
    };
    let stopping = async {
        shutdown.stopping().await;
        handle.graceful_shutdown(Some(GRACE));
        shutdown.stopping_at_once().await;
        handle.shutdown();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = serving => served,
        () = stopping => Ok(()),
    }
}

/// Takes so many connections at once; more are closed at once, so that those that are open keep working.
#[derive(Clone)]
struct Bounded {
    room: Arc<Semaphore>,
    patience: Duration,
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = Patient<TcpStream>;
    type Service = S;
    type Future = std::future::Ready<Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = || {
            let room = self.room.clone().try_acquire_owned();
            let room = room.map_err(|_| Error::other("there are as many connections as may be"))?;
            stream.set_nodelay(true)?;
            Ok((Patient::new(stream, self.patience, Some(room)), service))
        };
        std::future::ready(accepted())
    }
}

/// A connection that is closed when the other end takes nothing of what is sent to it for too long.
struct Patient<T> {
    stream: T,
    patience: Duration,
    /// Runs while the other end takes nothing.
    waiting: Option<Pin<Box<Sleep>>>,
    _room: Option<OwnedSemaphorePermit>,
}

impl<T> Patient<T> {
    fn new(stream: T, patience: Duration, room: Option<OwnedSemaphorePermit>) -> Self {
        Self { stream, patience, waiting: None, _room: room }
    }

    /// The outcome of a write, unless it has been waited for too long.
    fn outcome<R>(
        &mut self,
        outcome: Poll<Result<R>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<R>> {
        if outcome.is_ready() {
            self.waiting = None;
            return outcome;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the other end takes nothing")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let own = self.get_mut();
        let outcome = Pin::new(&mut own.stream).poll_write(context, bytes);
        own.outcome(outcome, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let own = self.get_mut();
        let outcome = Pin::new(&mut own.stream).poll_write_vectored(context, slices);
        own.outcome(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let own = self.get_mut();
        let outcome = Pin::new(&mut own.stream).poll_flush(context);
        own.outcome(outcome, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_other_end_takes_nothing_ends() {
        let (here, mut there) = tokio::io::duplex(10);
        let mut here = Patient::new(here, Duration::from_secs(30), None);
        here.write_all(&[1; 10]).await.unwrap();
        let error = here.write_all(&[2]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);

        let mut taken = [0; 10];
        there.read_exact(&mut taken).await.unwrap();
        here.write_all(&[3]).await.unwrap();
        assert_eq!(there.read_u8().await.unwrap(), 3);
    }
}
