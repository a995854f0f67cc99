//! The confirms that are awaited on one channel.
//!
//! Unlike `FuturesUnordered`, a drain here ends only when every future that was
//! woken has been polled. Attribution relies on it: when a confirm is seen, every
//! confirm that resolved before it is seen as well.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A set of futures, each known by its position.
pub(super) struct ConfirmSet<T> {
    waiting: HashMap<u64, (BoxFuture<T>, Waker)>,
    finished: Vec<(u64, T)>,
    woken: Arc<Woken>,
}

#[derive(Debug, Default)]
struct Woken {
    inner: Mutex<WokenInner>,
}

#[derive(Debug, Default)]
struct WokenInner {
    positions: Vec<u64>,
    task: Option<Waker>,
}

struct PositionWaker {
    position: u64,
    woken: Arc<Woken>,
}

impl<T> ConfirmSet<T> {
    pub(super) fn new() -> Self {
        Self { waiting: HashMap::new(), finished: Vec::new(), woken: Arc::default() }
    }

    /// Adds a future and polls it once, here and now: a publish takes its place on
    /// the channel at its first poll, so places are in the order of these calls.
    pub(super) fn push(&mut self, position: u64, future: impl Future<Output = T> + Send + 'static) {
        let waker =
            Waker::from(Arc::new(PositionWaker { position, woken: Arc::clone(&self.woken) }));
        let mut future: BoxFuture<T> = Box::pin(future);
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => self.finished.push((position, value)),
            Poll::Pending => {
                self.waiting.insert(position, (future, waker));
            }
        }
    }

    /// How many have not finished.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Everything that has finished; pending while nothing has.
    pub(super) fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<Vec<(u64, T)>> {
        loop {
            let positions = {
                let mut woken = self.woken.lock();
                woken.task = Some(cx.waker().clone());
                std::mem::take(&mut woken.positions)
            };
            if positions.is_empty() {
                break;
            }
            for position in positions {
                let Some((future, waker)) = self.waiting.get_mut(&position) else { continue };
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                    self.waiting.remove(&position);
                    self.finished.push((position, value));
                }
            }
        }
        if self.finished.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(std::mem::take(&mut self.finished))
        }
    }
}

impl Woken {
    fn lock(&self) -> std::sync::MutexGuard<'_, WokenInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for PositionWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let task = {
            let mut woken = self.woken.lock();
            woken.positions.push(self.position);
            woken.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::sync::oneshot;
    use tokio::task::unconstrained;

    use super::*;

    #[tokio::test]
    async fn whatever_finished_comes_out_in_one_drain() {
        let mut set = ConfirmSet::new();
        let senders: Vec<_> = (0..1000u64)
            .map(|position| {
                let (sender, receiver) = oneshot::channel::<u64>();
                // tokio's own channels yield after 128 polls; the client library's do not.
                set.push(position, async move { unconstrained(receiver).await.unwrap() });
                sender
            })
            .collect();
        assert_eq!(set.waiting(), 1000);

        std::thread::spawn(move || {
            for (value, sender) in senders.into_iter().enumerate() {
                sender.send(value as u64).unwrap();
            }
        })
        .join()
        .unwrap();

        let finished = poll_fn(|cx| set.poll_finished(cx)).await;
        assert_eq!(finished.len(), 1000);
        assert!(finished.iter().all(|(position, value)| position == value));
        assert_eq!(set.waiting(), 0);
    }

    #[tokio::test]
    async fn a_future_that_is_ready_at_once_is_not_lost() {
        let mut set = ConfirmSet::new();
        set.push(7, std::future::ready("done"));
        assert_eq!(poll_fn(|cx| set.poll_finished(cx)).await, [(7, "done")]);
    }
}
