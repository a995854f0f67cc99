//! What became of one event, counted by somebody who sees everything; and how often anything
//! went wrong at a moment from which on it could happen twice.

/// What became of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tally {
    /// Calls by which the API has it. One that keeps to idempotency keys does nothing for those
    /// after the first.
    pub(super) effects: u8,
    /// Whether the process has ever heard that the API has it.
    pub(super) is_known: bool,
    /// Its dead letters.
    pub(super) letters: u8,
    /// In their order, so that it does not matter which was first.
    strikes: Vec<Strike>,
}

/// Something went wrong when it mattered for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Strike {
    what: What,
    when: When,
}

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum What {
    Process,
    Channel,
    Answer,
    Confirm,
}

/// How far its delivery had come. Before all of these nothing is doubled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum When {
    /// It was called for.
    Called,
    /// The API has it, and its ack has not arrived.
    Taken,
    /// A retry or a dead letter is on its way to the broker.
    Sent,
    /// Its retry is on the broker, and its ack has not arrived.
    Retried,
    /// Its dead letter is, which the process does not know.
    Died,
    /// Its dead letter is, which the process knows, and its ack has not arrived.
    Buried,
}

impl Tally {
    pub(super) fn struck(&mut self, what: What, when: Option<When>) {
        let Some(when) = when else { return };
        self.strikes.push(Strike { what, when });
        self.strikes.sort_unstable();
    }

    /// Whether it needs no copy any more.
    pub(super) fn has_ended(&self) -> bool {
        self.is_known || self.letters > 0
    }

    /// How it ended, each way once.
    fn ends(&self) -> usize {
        usize::from(self.effects > 0) + usize::from(self.letters)
    }

    /// What is wrong with it, whatever is still to come.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        let most = 1 + self.strikes.len();
        if self.ends() > most {
            return Some("ended more often than anything went wrong when it mattered");
        }
        (usize::from(self.effects) > most)
            .then_some("had more effects than anything went wrong when it mattered")
    }

    /// What one fault alone did to it.
    pub(super) fn remark(&self) -> Option<String> {
        let [Strike { what, when }] = self.strikes[..] else { return None };
        let doubled = match (self.effects, self.letters) {
            (0, 2) => "dead twice",
            (1, 1) => "delivered and dead",
            (2, 0) => "called for twice",
            (2, 1) => "called for twice, and dead",
            _ => return None,
        };
        Some(format!("{} lost, {}: {doubled}", what.as_str(), when.as_str()))
    }
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Channel => "channel",
            Self::Answer => "answer",
            Self::Confirm => "confirm",
        }
    }
}

impl When {
    fn as_str(self) -> &'static str {
        match self {
            Self::Called => "a call being under way",
            Self::Taken => "the API having it",
            Self::Sent => "its successor being on its way",
            Self::Retried => "its retry being on the broker",
            Self::Died => "its dead letter being on the broker",
            Self::Buried => "its dead letter being known",
        }
    }
}
