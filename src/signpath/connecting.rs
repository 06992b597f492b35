//! Whether a request still waits for a connection. The error of a time limit does not tell, but a
//! request that never had a connection has certainly not reached the service.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

/// Set while a connection is made: name, TCP, tunnel and TLS. A layer around the connector of one
/// HTTP client, which serves one request at a time.
#[derive(Clone, Default)]
pub(super) struct Connecting(Arc<AtomicBool>);

impl Connecting {
    /// Before a request, which may find a connection that is there already.
    pub(super) fn reset(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether a connection was begun and has not come up.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<S> Layer<S> for Connecting {
    type Service = Watched<S>;

    fn layer(&self, connector: S) -> Watched<S> {
        let connecting = self.clone();
        Watched {
            connector,
            connecting,
        }
    }
}

/// A connector whose work is watched.
#[derive(Clone)]
pub(super) struct Watched<S> {
    connector: S,
    connecting: Connecting,
}

impl<S, R> Service<R> for Watched<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let connection = self.connector.call(target);
        let connecting = self.connecting.clone();
        Box::pin(async move {
            connecting.0.store(true, Ordering::Relaxed);
            let connection = connection.await?;
            connecting.0.store(false, Ordering::Relaxed);
            Ok(connection)
        })
    }
}
