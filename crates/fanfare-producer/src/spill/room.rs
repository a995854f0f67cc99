//! How much waits in a spill, and whether more fits. Pure.

/// What waits, against its limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    limits: Amount,
    /// Ever written, with what was there at the start.
    written: Amount,
    /// Of these, what the relay is done with.
    settled: Amount,
}

/// Events and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Room {
    pub(super) fn new(limits: Amount, waiting: Amount) -> Self {
        Self { limits, written: waiting, settled: Amount::default() }
    }

    /// What waits now.
    pub(super) fn waiting(&self) -> Amount {
        Amount {
            rows: self.written.rows.saturating_sub(self.settled.rows),
            bytes: self.written.bytes.saturating_sub(self.settled.bytes),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting().rows == 0
    }

    /// Takes room for one event, if there is any.
    pub(super) fn take(&mut self, bytes: u64) -> bool {
        let waiting = self.waiting();
        let fits = waiting.rows < self.limits.rows && waiting.bytes + bytes <= self.limits.bytes;
        if fits {
            self.written.rows += 1;
            self.written.bytes += bytes;
        }
        fits
    }

    /// Gives back the room of an event that was not written.
    pub(super) fn give_back(&mut self, bytes: u64) {
        self.written.rows -= 1;
        self.written.bytes -= bytes;
    }

    /// So much waits in the file, which others write to as well: an operator deletes rows, or has
    /// one published after all. To be looked up before what is settled: what is settled meanwhile
    /// is counted twice, until it is looked up again, and never left out.
    pub(super) fn looked_up(&mut self, waiting: Amount, settled: Amount) {
        let (rows, bytes) = (waiting.rows + settled.rows, waiting.bytes + settled.bytes);
        (self.written, self.settled) = (Amount { rows, bytes }, settled);
    }

    /// What the relay has been done with since the start.
    pub(super) fn settled(&mut self, settled: Amount) {
        self.settled = settled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_at_either_limit_and_has_room_again_once_something_is_settled() {
        let limits = Amount { rows: 3, bytes: 100 };
        let mut room = Room::new(limits, Amount { rows: 1, bytes: 40 });
        assert!(room.take(50));
        assert!(!room.take(20), "110 bytes");
        assert!(room.take(10));
        assert!(!room.take(0), "four rows");
        room.settled(Amount { rows: 1, bytes: 40 });
        assert!(room.take(30));
        room.give_back(30);
        assert_eq!(room.waiting(), Amount { rows: 2, bytes: 60 });
        room.settled(Amount { rows: 3, bytes: 100 });
        assert!(room.is_empty());
    }

    #[test]
    fn what_others_do_to_the_file_is_noticed() {
        let mut room = Room::new(Amount { rows: 3, bytes: 100 }, Amount { rows: 3, bytes: 90 });
        assert!(!room.take(1));
        let settled = Amount { rows: 1, bytes: 30 };
        room.looked_up(Amount { rows: 1, bytes: 30 }, settled);
        assert_eq!(room.waiting(), Amount { rows: 1, bytes: 30 });
        room.looked_up(Amount { rows: 2, bytes: 60 }, settled);
        assert_eq!(room.waiting(), Amount { rows: 2, bytes: 60 });
    }
}
