//! What came by one channel: it is worked on together, and what is left goes back together.

use std::future::{pending, ready};
use std::pin::Pin;

use fanfare_broker::{Delivery, SessionId, Subscription};
use tokio_util::sync::CancellationToken;

use super::Order;
use super::lanes::{Key, Lanes};
use super::work::{Arrived, Place};

type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How far the work on what the broker handed over is.
pub(super) enum Shift<'a> {
    /// Nothing is here.
    Idle,
    /// The first of a session is here. Before anything of it is looked at, all of the session
    /// before has to be done with, and it has to be known which keys are blocked.
    Beginning { first: Box<Delivery>, reading: Option<Waiting<'a, ()>> },
    /// The lanes are open.
    Working(Session),
    /// What is being called comes to its end, and nothing else goes on.
    Ending(SessionId),
}

/// A session that is worked on.
pub(super) struct Session {
    id: SessionId,
    over: CancellationToken,
    ends: Waiting<'static, ()>,
    lanes: Lanes<Arrived>,
    /// Whether the queue has taken the acks.
    asking: Option<Waiting<'static, bool>>,
}

/// What happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It is known which keys are blocked.
    Ready,
    /// The queue has taken the acks that it was asked about.
    Taken,
    /// The channel is gone, and the broker hands everything over again.
    Over,
}

impl<'a> Shift<'a> {
    /// Whether deliveries are to be taken.
    pub(super) fn takes_more(&self) -> bool {
        matches!(self, Self::Idle | Self::Working(_))
    }

    pub(super) fn is_beginning(&self) -> bool {
        matches!(self, Self::Beginning { .. })
    }

    /// What happens next. Loses nothing when it is dropped.
    pub(super) async fn next(&mut self) -> News {
        match self {
            Self::Beginning { reading: Some(reading), .. } => {
                reading.await;
                News::Ready
            }
            Self::Working(session) => session.next().await,
            Self::Idle | Self::Beginning { .. } | Self::Ending(_) => pending().await,
        }
    }

    /// It is known which keys are blocked: opens the lanes, and answers the first to enter.
    pub(super) fn begin(&mut self, subscription: &Subscription) -> Option<Delivery> {
        let Self::Beginning { first, .. } = std::mem::replace(self, Self::Idle) else {
            return None;
        };
        // It took so long that the broker has taken it back.
        if first.is_stale() {
            return None;
        }
        *self = Self::Working(Session::new(first.session(), subscription));
        Some(*first)
    }

    /// The session is over: what tells so to whoever waits in it.
    pub(super) fn end(&mut self) -> Option<CancellationToken> {
        let Self::Working(session) = self else { return None };
        let (id, over) = (session.id, session.over.clone());
        *self = Self::Ending(id);
        Some(over)
    }

    /// Asks which keys are blocked, once all of the session before is done with.
    pub(super) fn read_if_beginning(&mut self, order: &'a Order) {
        if let Self::Beginning { reading: reading @ None, .. } = self {
            *reading = Some(match &order.blockade {
                Some(blockade) => Box::pin(blockade.read()),
                None => Box::pin(ready(())),
            });
        }
    }

    /// Asks whether the acks were taken, where somebody waits to hear it.
    pub(super) fn ask_if_held_up(&mut self, subscription: &Subscription) {
        if let Self::Working(session) = self
            && session.lanes.is_held_up()
        {
            session.ask(subscription);
        }
    }

    /// The same, so that lanes in which nobody waits come to their end.
    pub(super) fn ask_for_all(&mut self, subscription: &Subscription) {
        if let Self::Working(session) = self
            && session.lanes.has_acked()
        {
            session.ask(subscription);
        }
    }
}

impl Session {
    fn new(id: SessionId, subscription: &Subscription) -> Self {
        Self {
            id,
            over: CancellationToken::new(),
            ends: Box::pin(subscription.session_over(id)),
            lanes: Lanes::new(),
            asking: None,
        }
    }

    pub(super) fn id(&self) -> SessionId {
        self.id
    }

    /// A delivery stands in its lane; answers it if its turn has come.
    pub(super) fn enter(&mut self, arrived: Arrived) -> Option<(Place, Arrived)> {
        let Some(key) = arrived.key() else {
            return Some((self.place(None), arrived));
        };
        let arrived = self.lanes.enter(&key, arrived)?;
        Some((self.place(Some(key)), arrived))
    }

    /// A delivery was acked.
    pub(super) fn acked(&mut self, key: Option<Key>) {
        if let Some(key) = key {
            self.lanes.acked(&key);
        }
    }

    /// The queue has taken the acks that it was asked about; answers whose turn has come.
    pub(super) fn taken(&mut self) -> Vec<(Place, Arrived)> {
        let starting = self.lanes.taken();
        starting.into_iter().map(|(key, arrived)| (self.place(Some(key)), arrived)).collect()
    }

    fn place(&self, key: Option<Key>) -> Place {
        Place { key, over: self.over.clone() }
    }

    fn ask(&mut self, subscription: &Subscription) {
        self.lanes.ask();
        self.asking = Some(Box::pin(subscription.acks_taken()));
    }

    async fn next(&mut self) -> News {
        let taken = async {
            match &mut self.asking {
                Some(asking) => asking.await,
                None => pending().await,
            }
        };
        let news = tokio::select! {
            () = &mut self.ends => News::Over,
            taken = taken => if taken { News::Taken } else { News::Over },
        };
        self.asking = None;
        news
    }
}
