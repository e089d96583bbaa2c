//! The listening side, over real sockets: headers in time, a bound on connections, an end in order.

use super::rig::Rig;
use crate::{ApiSettings, serve};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// No test waits longer than this for what must come.
const DEADLINE: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
    _rig: Rig,
}

impl Server {
    async fn start(settings: ApiSettings) -> Self {
        let rig = Rig::new().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = rig.router.clone();
        let ended = tokio::spawn(async move {
            serve(listener, router, &settings, async move {
                let _ = stopped.await;
            })
            .await
        });
        Self { address, stop, ended, _rig: rig }
    }

    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(DEADLINE, self.ended).await.expect("it ends").unwrap().unwrap();
    }
}

/// Everything until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("an end").unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(end) {
        let count = tokio::time::timeout(DEADLINE, stream.read(&mut buffer)).await.expect("more").unwrap();
        assert_ne!(count, 0, "closed before {end:?}: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}

#[tokio::test]
async fn requests_are_answered_over_a_socket() {
    let server = Server::start(ApiSettings::default()).await;
    let mut stream = server.send("GET /api/v1/submolts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let text = rest(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("\"general\""), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_sends_no_headers_is_closed() {
    let settings = ApiSettings { header_timeout_ms: 20, ..ApiSettings::default() };
    let server = Server::start(settings).await;
    let mut stream = server.send("GET /healthz HTTP/1.1\r\nHost:").await;
    rest(&mut stream).await;
    server.stop().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_a_place() {
    let settings = ApiSettings { connections_max: 1, ..ApiSettings::default() };
    let server = Server::start(settings).await;
    let request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut first = server.send(request).await;
    read_until(&mut first, "ok\n").await;
    let mut second = server.send(request).await;
    let early = tokio::time::timeout(Duration::from_millis(50), second.read_u8()).await;
    assert!(early.is_err(), "answered beyond the bound");
    drop(first);
    read_until(&mut second, "ok\n").await;
    drop(second);
    server.stop().await;
}

#[tokio::test]
async fn streams_end_when_the_node_stops() {
    let server = Server::start(ApiSettings::default()).await;
    let mut stream = server.send("GET /api/v1/stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    read_until(&mut stream, "id: ").await;
    let ((), text) = tokio::join!(server.stop(), rest(&mut stream));
    assert!(text.ends_with("0\r\n\r\n"), "the stream ends in order: {text:?}");
}

#[tokio::test]
async fn what_does_not_end_in_time_is_closed() {
    let settings = ApiSettings { shutdown_grace_ms: 20, ..ApiSettings::default() };
    let server = Server::start(settings).await;
    let mut stream =
        server.send("POST /api/v1/agents/register HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{").await;
    // The request is under way: its body never ends.
    server.send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    server.stop().await;
    assert!(!rest(&mut stream).await.contains(" 201 "));
}

#[tokio::test]
async fn a_refused_body_is_taken_in_so_that_its_sender_reads_why() {
    let server = Server::start(ApiSettings::default()).await;
    let long = "x".repeat(3_000_000);
    for (path, length, key, status) in [
        ("/api/v1/agents/register", 3_000_000, "", "413"),
        ("/api/v1/envelopes", 3_000_000, "Content-Type: application/cbor\r\n", "413"),
        // Refused for want of a key, before anybody looks at the body.
        ("/api/v1/posts", 500_000, "", "401"),
        ("/nowhere", 500_000, "", "404"),
    ] {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: a\r\n{key}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // As a simple client does: all of the body first, and the answer then.
        let sent = tokio::time::timeout(DEADLINE, stream.write_all(&long.as_bytes()[..length])).await;
        sent.expect("it is taken in time").expect("all of it is taken");
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        assert!(answer.contains("\"success\":false"), "{path}: {answer}");
    }
    // Whoever asks first whether it may send is told no, and sends nothing.
    let mut stream = server
        .send("POST /api/v1/agents/register HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\nExpect: 100-continue\r\n\r\n")
        .await;
    let answer = read_until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    drop(stream);
    server.stop().await;
}
