//! The faults of the proxy, as a client sees them.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use testkit::servers::postgres::connect;
use testkit::servers::{FaultProxy, NewConnections, Postgres};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Long enough for bytes on the loopback interface to have come, if they were to come.
const WHILE: Duration = Duration::from_millis(300);

/// A server that sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut reads, mut writes) = stream.split();
                let _ = tokio::io::copy(&mut reads, &mut writes).await;
            });
        }
    });
    address
}

async fn client(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Sends a word, and waits for it to come back.
async fn ask(client: &mut TcpStream) {
    client.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
}

/// Whether the other side has closed the connection.
async fn is_closed(client: &mut TcpStream) -> bool {
    match client.read(&mut [0]).await {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[tokio::test]
async fn without_a_fault_bytes_and_ends_pass_both_ways() {
    let proxy = FaultProxy::start(echo().await).await;
    let mut client = client(&proxy).await;
    ask(&mut client).await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut reads, mut writes) = client.split();
    let mut received = Vec::new();
    let write = async {
        writes.write_all(&sent).await.unwrap();
        writes.shutdown().await.unwrap();
    };
    let (_, read) = tokio::join!(write, reads.read_to_end(&mut received));
    read.unwrap();
    assert!(received == sent);
}

#[tokio::test]
async fn cut_closes_connections_and_lets_new_ones_in() {
    let proxy = FaultProxy::start(echo().await).await;
    let (mut busy, mut idle) = (client(&proxy).await, client(&proxy).await);
    ask(&mut busy).await;
    proxy.cut(NewConnections::Accepted).await;
    assert!(is_closed(&mut busy).await);
    assert!(is_closed(&mut idle).await);
    ask(&mut client(&proxy).await).await;
}

#[tokio::test]
async fn cut_refuses_new_connections_until_it_is_healed() {
    let proxy = FaultProxy::start(echo().await).await;
    let mut old = client(&proxy).await;
    ask(&mut old).await;
    proxy.cut(NewConnections::Refused).await;
    assert!(is_closed(&mut old).await);
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.heal().await;
    ask(&mut client(&proxy).await).await;
}

#[tokio::test]
async fn half_open_connections_are_neither_answered_nor_closed() {
    let proxy = FaultProxy::start(echo().await).await;
    let (mut old, mut silent) = (client(&proxy).await, client(&proxy).await);
    ask(&mut old).await;
    ask(&mut silent).await;
    proxy.half_open().await;
    let mut new = client(&proxy).await;
    for client in [&mut old, &mut new] {
        client.write_all(b"hello").await.unwrap();
        assert!(timeout(WHILE, client.read(&mut [0])).await.is_err());
    }
    proxy.heal().await;
    // What lost bytes stays dead; what lost none goes on.
    for client in [&mut old, &mut new] {
        client.write_all(b"hello").await.unwrap();
        assert!(timeout(WHILE, client.read(&mut [0])).await.is_err());
    }
    ask(&mut silent).await;
    ask(&mut client(&proxy).await).await;
}

#[tokio::test]
async fn delayed_answers_take_the_delay_there_and_back() {
    const DELAY: Duration = Duration::from_millis(150);
    let proxy = FaultProxy::start(echo().await).await;
    let mut client = client(&proxy).await;
    ask(&mut client).await;
    proxy.delay(DELAY).await;
    let begun = Instant::now();
    ask(&mut client).await;
    assert!(begun.elapsed() >= 2 * DELAY, "{:?}", begun.elapsed());
    proxy.heal().await;
    // Each of these would take 300 ms.
    let begun = Instant::now();
    for _ in 0..100 {
        ask(&mut client).await;
    }
    assert!(begun.elapsed() < 100 * DELAY, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_proxy_that_is_dropped_closes_everything() {
    let proxy = FaultProxy::start(echo().await).await;
    let address = proxy.address();
    let mut client = client(&proxy).await;
    ask(&mut client).await;
    drop(proxy);
    assert!(is_closed(&mut client).await);
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn it_stands_before_a_database() {
    let server = Postgres::shared().await;
    let database = server.create_database().await;
    let proxy = FaultProxy::start(server.address()).await;
    let url = proxy.url(database.url());
    let client = connect(&url).await;
    client.batch_execute("CREATE TABLE songs (name text)").await.unwrap();
    client.batch_execute("BEGIN; INSERT INTO songs VALUES ('one')").await.unwrap();
    proxy.cut(NewConnections::Accepted).await;
    assert!(client.batch_execute("COMMIT").await.is_err());
    let row = connect(&url).await.query_one("SELECT count(*) FROM songs", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}
