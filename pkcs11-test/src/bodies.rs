//! Bodies of deliberately broken responses.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

static BLOCK: [u8; 1 << 16] = [b'x'; 1 << 16];

/// `length` times `x`, using constant memory.
pub(crate) fn filler(length: u64) -> Body {
    Body::new(Filler { left: length })
}

struct Filler {
    left: u64,
}

impl HttpBody for Filler {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let block = Bytes::from_static(&BLOCK);
        let length = self.left.min(block.len() as u64);
        self.left -= length;
        Poll::Ready((length > 0).then(|| Ok(Frame::data(block.slice(..length as usize)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Sends the bytes one by one, with a pause before each.
pub(crate) fn trickle(bytes: Bytes, pause: Duration) -> Body {
    Body::new(Trickle { bytes, pause, sleep: None })
}

struct Trickle {
    bytes: Bytes,
    pause: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let pause = self.pause;
        let pausing = self.sleep.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(pausing.as_mut().poll(context));
        self.sleep = None;
        Poll::Ready(Some(Ok(Frame::data(self.bytes.split_to(1)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
