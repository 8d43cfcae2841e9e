//! What a registry sends, kept in memory up to a size.

use std::{
    io::{Error, ErrorKind, Result},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::AsyncWrite;

/// Bytes of a component; more than a component may have are refused with
/// [`ErrorKind::FileTooLarge`].
#[derive(Debug)]
pub(super) struct Limited {
    pub(super) bytes: Vec<u8>,
    most: u64,
}

impl Limited {
    pub(super) fn new(most: u64) -> Self {
        Self {
            bytes: vec![],
            most,
        }
    }
}

/// Says whether an error is that of a [`Limited`] that is full.
pub(super) fn is_full(error: &Error) -> bool {
    error.kind() == ErrorKind::FileTooLarge
}

impl AsyncWrite for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let fits = (self.bytes.len() + bytes.len()) as u64 <= self.most;
        Poll::Ready(if fits {
            self.bytes.extend_from_slice(bytes);
            Ok(bytes.len())
        } else {
            Err(ErrorKind::FileTooLarge.into())
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}
