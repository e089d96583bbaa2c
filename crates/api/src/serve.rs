//! The listening side: accepts connections up to a bound, gives each a time for its headers, and ends in order.
//!
//! axum's own loop has no bound on connections and no time for headers, hence this one; what a request does stands in
//! the router.

use crate::settings::ApiSettings;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// After a failed accept (no file handles left, mostly): trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Tells handlers that live long, such as streams, that the node is stopping. In each request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(pub(crate) watch::Receiver<bool>);

impl Stopping {
    /// Returns once the node is stopping.
    pub(crate) async fn wait(&mut self) {
        stopped(&mut self.0).await;
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server itself is gone, which is the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Serves `router` on `listener` until `shutdown` is done; then streams end, requests in flight finish within
/// [`ApiSettings::shutdown_grace_ms`], and what is still open is closed.
///
/// # Errors
/// When the listener's own address cannot be read; a failed accept is logged and tried again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &ApiSettings,
    shutdown: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "serving HTTP");
    let (stop, stopping) = watch::channel(false);
    let places = Arc::new(Semaphore::new(settings.connections_max));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = places.clone().acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let work = connection(stream, peer, router.clone(), settings.clone(), stopping.clone());
                connections.spawn(async move {
                    work.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    stop.send_replace(true);
    let grace = Duration::from_millis(settings.shutdown_grace_ms);
    let drained = tokio::time::timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(open = connections.len(), "closing connections that did not finish in time");
        connections.shutdown().await;
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    settings: ApiSettings,
    mut stopping: watch::Receiver<bool>,
) {
    // A stream's events are small and must not wait for more.
    let _ = stream.set_nodelay(true);
    let told = Stopping(stopping.clone());
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(told.clone());
        request.map(axum::body::Body::new)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(settings.header_timeout_ms))
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut served = std::pin::pin!(served);
    let result = tokio::select! {
        result = &mut served => result,
        () = stopped(&mut stopping) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}
