//! A way to a server that can be spoiled.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::port::{by_way_of, free_port};

/// A TCP proxy before a server, with faults on request. A fault holds until the next one or [`FaultProxy::heal`]; it is
/// in force when its method returns. Dropped, it closes everything.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    target: SocketAddr,
    orders: mpsc::Sender<(Order, oneshot::Sender<()>)>,
}

/// What comes of connections that are made after a [`FaultProxy::cut`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewConnections {
    /// They are refused, as if nothing listened.
    Refused,
    /// They work.
    Accepted,
}

impl FaultProxy {
    /// A proxy without a fault. It runs on the runtime of the caller.
    pub async fn start(target: SocketAddr) -> Self {
        let port = free_port();
        let listener = listen(port).await;
        let (orders, received) = mpsc::channel(1);
        tokio::spawn(serve(port, target, listener, received));
        Self { port, target, orders }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        loopback(self.port)
    }

    /// The URL of something on the server, by way of this.
    pub fn url(&self, url: &str) -> String {
        by_way_of(self.port, self.target.port(), url)
    }

    /// Closes all connections, on both sides.
    pub async fn cut(&self, new: NewConnections) {
        self.order(Order::Cut(new)).await;
    }

    /// Swallows all bytes, and closes nothing: as when the network is gone, or the machine at its other end. New
    /// connections are made, and get no answer. A connection that lost a byte stays dead; one that was silent lives on.
    pub async fn half_open(&self) {
        self.order(Order::Become(Link::HalfOpen)).await;
    }

    /// Has every byte arrive so much later, in both directions.
    pub async fn delay(&self, by: Duration) {
        self.order(Order::Become(Link::Late(by))).await;
    }

    /// Ends the fault.
    pub async fn heal(&self) {
        self.order(Order::Become(Link::HEALTHY)).await;
    }

    async fn order(&self, order: Order) {
        let (done, is_done) = oneshot::channel();
        self.orders.send((order, done)).await.expect("the proxy runs as long as this");
        is_done.await.expect("the proxy runs as long as this");
    }
}

enum Order {
    Cut(NewConnections),
    Become(Link),
}

/// What the way is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Late(Duration),
    HalfOpen,
}

impl Link {
    const HEALTHY: Self = Self::Late(Duration::ZERO);
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

async fn listen(port: u16) -> TcpListener {
    let bound = TcpListener::bind(loopback(port)).await;
    bound.unwrap_or_else(|error| panic!("listening on port {port}: {error}"))
}

async fn serve(
    port: u16,
    target: SocketAddr,
    listener: TcpListener,
    mut orders: mpsc::Receiver<(Order, oneshot::Sender<()>)>,
) {
    let mut listener = Some(listener);
    let link = watch::Sender::new(Link::HEALTHY);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some((order, done)) = order else { return };
                let accepts = !matches!(order, Order::Cut(NewConnections::Refused));
                if !accepts {
                    listener = None;
                }
                match order {
                    Order::Cut(_) => {
                        link.send_replace(Link::HEALTHY);
                        connections.shutdown().await;
                    }
                    Order::Become(new) => {
                        link.send_replace(new);
                    }
                }
                if accepts && listener.is_none() {
                    listener = Some(listen(port).await);
                }
                // Who gave the order may have gone.
                let _ = done.send(());
            }
            accepted = accept(listener.as_ref()) => {
                connections.spawn(connect(accepted, target, link.subscribe()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => listener.accept().await.expect("a connection").0,
        None => std::future::pending().await,
    }
}

/// Carries the bytes of a connection until both sides have ended it. Errors end it as well: they are what the other side
/// sees as an end.
async fn connect(client: TcpStream, target: SocketAddr, mut link: watch::Receiver<Link>) {
    let dead = Arc::new(AtomicBool::new(false));
    if *link.borrow_and_update() == Link::HalfOpen {
        return swallow(client).await;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    // Small messages are the delay that the test asked for late, not more.
    let _ = client.set_nodelay(true).and(server.set_nodelay(true));
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    tokio::join!(
        carry(client_reads, server_writes, link.clone(), Arc::clone(&dead)),
        carry(server_reads, client_writes, link, dead),
    );
}

/// Reads until the other side ends it.
async fn swallow(mut from: impl AsyncRead + Unpin) {
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
}

/// Carries bytes one way.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut link: watch::Receiver<Link>,
    dead: Arc<AtomicBool>,
) {
    const CHUNKS_UNDER_WAY: usize = 64;
    const CHUNK: usize = 16 * 1024;
    let (sender, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_UNDER_WAY);
    let read = async move {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            let ended = !matches!(from.read_buf(&mut chunk).await, Ok(1..));
            let now = *link.borrow_and_update();
            match now {
                // Not even the end gets through.
                Link::HalfOpen if ended => {
                    let _ = link.wait_for(|link| *link != Link::HalfOpen).await;
                }
                Link::HalfOpen => dead.store(true, Ordering::Relaxed),
                Link::Late(by) => {
                    let lost = dead.load(Ordering::Relaxed);
                    if !ended && !lost && sender.send((Instant::now() + by, chunk)).await.is_err() {
                        return;
                    }
                }
            }
            if ended {
                return;
            }
        }
    };
    let write = async move {
        while let Some((arrives, chunk)) = under_way.recv().await {
            tokio::time::sleep_until(arrives).await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
