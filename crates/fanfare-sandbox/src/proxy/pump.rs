//! Carries the bytes of one direction, with the faults in force.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::board::Board;
use super::faults::{Direction, Faults};

/// Bytes read at once.
const PIECE: usize = 16 * 1024;

/// Pieces under way in one direction of one connection: a megabyte, then the reader waits.
const PIECES_UNDER_WAY: usize = 64;

/// Between two slices, so that they do not arrive as one.
const SLICE_PAUSE: Duration = Duration::from_millis(1);

/// What a read gave, and when.
#[derive(Debug)]
struct Piece {
    at: Instant,
    /// Nothing when the sender finished in order.
    bytes: Bytes,
}

/// One direction of one connection.
#[derive(Debug)]
pub(crate) struct Pump<'a> {
    direction: Direction,
    board: &'a Board,
    faults: watch::Receiver<Faults>,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(direction: Direction, board: &'a Board) -> Self {
        Self { direction, board, faults: board.faults.subscribe() }
    }

    /// Runs until the sender is done and all it sent has arrived, or either side breaks.
    ///
    /// Reading and writing overlap: a delay makes bytes late, it does not make them fewer.
    pub(crate) async fn run(
        mut self,
        from: impl AsyncRead + Unpin,
        to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (pieces, arrivals) = mpsc::channel(PIECES_UNDER_WAY);
        let ((), ()) = tokio::try_join!(read(from, pieces), self.write(to, arrivals))?;
        Ok(())
    }

    async fn write(
        &mut self,
        mut to: impl AsyncWrite + Unpin,
        mut arrivals: mpsc::Receiver<Piece>,
    ) -> io::Result<()> {
        while let Some(piece) = arrivals.recv().await {
            self.delay(piece.at).await;
            self.hold(&piece.bytes).await;
            if piece.bytes.is_empty() {
                return to.shutdown().await;
            }
            self.write_piece(&mut to, piece.bytes).await?;
        }
        Ok(())
    }

    async fn delay(&self, since: Instant) {
        let Faults { latency, jitter, .. } = *self.faults.borrow();
        let late = latency + jitter.mul_f64(fastrand::f64());
        if !late.is_zero() {
            self.board.count(&self.board.counters.delayed, 1);
            sleep_until(since + late).await;
        }
    }

    async fn hold(&mut self, piece: &[u8]) {
        let direction = self.direction;
        if !self.faults.borrow().withholds(direction, piece) {
            return;
        }
        self.board.count(&self.board.counters.withheld, 1);
        // The sender lives in the board, which outlives every pump.
        drop(self.faults.wait_for(|faults| !faults.withholds(direction, piece)).await);
    }

    async fn write_piece(
        &mut self,
        mut to: impl AsyncWrite + Unpin,
        mut bytes: Bytes,
    ) -> io::Result<()> {
        let counters = &self.board.counters;
        let passed = match self.direction {
            Direction::Requests => &counters.request_bytes,
            Direction::Replies => &counters.reply_bytes,
        };
        while bytes.has_remaining() {
            // Looked at for every write: a long piece must not outlast its fault.
            let Faults { bandwidth, slice, .. } = *self.faults.borrow();
            let mut size = bytes.len();
            if let Some(slice) = slice.map(usize::from).filter(|slice| *slice < size) {
                size = slice;
                self.board.count(&counters.sliced, 1);
                sleep(SLICE_PAUSE).await;
            }
            if let Some(bandwidth) = bandwidth {
                // A tenth of a second at a time keeps the flow even.
                let tenth = usize::try_from(bandwidth.get() / 10).unwrap_or(usize::MAX).max(1);
                size = size.min(tenth);
                self.board.count(&counters.throttled, 1);
                sleep(Duration::from_secs_f64(size as f64 / bandwidth.get() as f64)).await;
            }
            to.write_all(&bytes.split_to(size)).await?;
            self.board.count(passed, size as u64);
        }
        Ok(())
    }
}

async fn read(mut from: impl AsyncRead + Unpin, pieces: mpsc::Sender<Piece>) -> io::Result<()> {
    loop {
        let mut buffer = BytesMut::with_capacity(PIECE);
        let length = from.read_buf(&mut buffer).await?;
        let piece = Piece { at: Instant::now(), bytes: buffer.freeze() };
        // Nobody receives only after the writer failed, which ends this direction anyway.
        if pieces.send(piece).await.is_err() || length == 0 {
            return Ok(());
        }
    }
}
