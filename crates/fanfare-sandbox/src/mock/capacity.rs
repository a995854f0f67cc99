//! How much a mock does at the same time: the knee beyond which calls wait for each other.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::locked;

/// Places for requests, and the line for them: first come, first served.
#[derive(Debug, Default)]
pub(crate) struct Capacity {
    places: Mutex<Places>,
    /// Held by whoever is the next one; a fair lock, so those behind keep their order.
    turn: tokio::sync::Mutex<()>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Places {
    /// Any number unless given.
    most: Option<NonZeroUsize>,
    taken: usize,
}

/// A request's place; dropping it makes room for the next one.
#[must_use]
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Capacity);

impl Capacity {
    /// From now on so many. Where there are more already, they keep their places.
    pub(crate) fn set(&self, most: Option<NonZeroUsize>) {
        locked(&self.places).most = most;
        self.changed.notify_one();
    }

    /// A place, if there is one now.
    pub(crate) fn free_place(&self) -> Option<Place<'_>> {
        locked(&self.places).take().then(|| Place(self))
    }

    /// A place, once there is one.
    pub(crate) async fn place(&self) -> Place<'_> {
        let _turn = self.turn.lock().await;
        while !locked(&self.places).take() {
            // A change between the look and the wait is kept for us.
            self.changed.notified().await;
        }
        Place(self)
    }
}

impl Places {
    fn take(&mut self) -> bool {
        let is_free = self.most.is_none_or(|most| self.taken < most.get());
        self.taken += usize::from(is_free);
        is_free
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        locked(&self.0.places).taken -= 1;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    fn of(most: usize) -> Capacity {
        let capacity = Capacity::default();
        capacity.set(NonZeroUsize::new(most));
        capacity
    }

    #[tokio::test]
    async fn those_in_line_come_in_the_order_of_their_arrival() {
        let capacity = of(1);
        let first = capacity.place().await;
        let mut second = pin!(capacity.place());
        let mut third = pin!(capacity.place());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());

        drop(first);
        assert!(third.as_mut().now_or_never().is_none(), "not its turn");
        drop(second.await);
        drop(third.await);
    }

    #[tokio::test]
    async fn whoever_leaves_the_line_holds_up_nobody() {
        let capacity = of(1);
        let first = capacity.place().await;
        let mut third = {
            let mut second = Box::pin(capacity.place());
            assert!(second.as_mut().now_or_never().is_none());
            let mut third = Box::pin(capacity.place());
            assert!(third.as_mut().now_or_never().is_none());
            third
        };
        drop(first);
        assert!(third.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn the_knee_moves_while_requests_are_served() {
        let capacity = of(3);
        let mut served = vec![capacity.place().await, capacity.place().await];
        capacity.set(NonZeroUsize::new(1));
        let mut next = pin!(capacity.place());
        assert!(next.as_mut().now_or_never().is_none());
        served.pop();
        assert!(next.as_mut().now_or_never().is_none(), "one is served still");

        capacity.set(None);
        let _next = next.await;
        for _ in 0..100 {
            served.push(capacity.place().now_or_never().unwrap());
        }
    }
}
