//! A destination with all that belongs to it: its queues, its API, and its consumer process.
//!
//! Only the process is real. The rest is what the process is promised: a broker that keeps what
//! it confirmed and hands over again what was not acked, and an API that answers as it likes.

use super::copy::{Copy, IDS};
use super::life::{Life, State, Told};
use super::lives::Lives;
use super::process::{Goal, Input};
use super::rules::{Faults, Mistake, Rules};
use super::steps::{Answer, Step};
use super::tally::{Tally, What, When};

/// A destination, at one moment.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) rules: Rules,
    pub(super) left: Faults,
    pub(super) queue: Vec<Copy>,
    pub(super) delayed: Vec<Copy>,
    pub(super) events: Vec<Tally>,
    pub(super) life: Option<Life>,
    pub(super) lives: Lives,
}

impl Site {
    /// Every event was published, and the broker has confirmed it: so it is in the queue.
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            left: rules.faults,
            queue: (0..rules.events).map(Copy::of_event).collect(),
            delayed: Vec::new(),
            events: vec![Tally::default(); rules.events],
            life: None,
            lives: Lives::new(rules),
        }
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::HandOver(place) => {
                let copy = self.queue.remove(place);
                self.life().hand_over(copy);
            }
            Step::Return(place) => {
                let copy = self.delayed.remove(place);
                self.queue.push(copy);
            }
            Step::Take(work) => self.api_takes(work),
            Step::Answer(work, answer) => self.answer(work, answer),
            Step::Store(work) => self.store(work),
            Step::StoreAdrift(place) => {
                let (copy, goal) = self.life().adrift.remove(place);
                self.arrives(copy, goal);
            }
            Step::Confirm(work) => self.confirm(work),
            Step::HearAcks => self.life().tell(Input::Listen),
            Step::PassTime => self.life().tell(Input::PassTime),
            Step::LoseConfirm(work) => self.lose_confirm(work),
            Step::Cut => self.cut(),
            Step::Die => self.die(),
        }
        // What the API does not have, nobody can know.
        for event in self.life.iter().flat_map(|life| &life.known) {
            let tally = &mut self.events[*event];
            tally.is_known |= tally.effects > 0;
        }
    }

    /// What is wrong, whatever is still to come.
    pub(super) fn flaw(&self) -> Option<String> {
        (0..self.events.len()).find_map(|event| {
            let tally = &self.events[event];
            let is_lost = !tally.has_ended() && !self.has_copy(event);
            let flaw = if is_lost { Some("is lost") } else { tally.flaw() };
            flaw.map(|flaw| format!("{} {flaw}", IDS[event]))
        })
    }

    /// What is wrong when nothing is left to do.
    pub(super) fn flaw_at_rest(&self) -> Option<String> {
        let unended = (0..self.events.len()).find(|event| !self.events[*event].has_ended())?;
        Some(format!("{} has not ended", IDS[unended]))
    }

    /// The process, which is started when something is to be done.
    fn life(&mut self) -> &mut Life {
        self.life.get_or_insert_with(|| {
            let has = |event: &usize| self.events[*event].effects > 0;
            Life::begin(&self.lives, (0..self.events.len()).filter(has))
        })
    }

    fn has_copy(&self, event: usize) -> bool {
        let is_its = |copy: &Copy| copy.event == event;
        self.queue.iter().chain(&self.delayed).any(is_its)
            || self.life.iter().flat_map(Life::unacked).any(|work| is_its(&work.copy))
    }

    fn api_takes(&mut self, number: usize) {
        let tells = self.rules.api_tells;
        let life = self.life();
        let work = life.work(number);
        work.state = State::Calls { is_taken: true };
        work.done = Some(When::Taken);
        let event = work.copy.event;
        if tells {
            life.tell(Input::ApiHas(event));
        }
        self.events[event].effects += 1;
    }

    fn answer(&mut self, number: usize, answer: Answer) {
        let life = self.life();
        let work = life.work(number);
        let event = work.copy.event;
        if answer != Answer::Yes {
            work.done = None;
        }
        life.tell_work(number, Told::Answer(answer.heard()));
        let tally = &mut self.events[event];
        match answer {
            Answer::Lost => {
                tally.struck(What::Answer, Some(When::Taken));
                self.left.answers -= 1;
            }
            Answer::Nothing => self.left.answers -= 1,
            Answer::Wait => self.left.holds -= 1,
            Answer::Yes | Answer::Never | Answer::Later => {}
        }
    }

    fn store(&mut self, number: usize) {
        let work = self.life().work(number);
        let State::Publishes { copy, goal, is_stored } = &mut work.state else { return };
        *is_stored = true;
        let (copy, goal) = (copy.clone(), *goal);
        work.done = Some(goal.arrived());
        self.arrives(copy, goal);
    }

    fn arrives(&mut self, copy: Copy, goal: Goal) {
        match goal {
            Goal::DelayLine => self.delayed.push(copy),
            Goal::DeadLetters => self.events[copy.event].letters += 1,
        }
    }

    fn confirm(&mut self, number: usize) {
        let life = self.life();
        if let State::Publishes { copy, goal, is_stored: false } = &life.work(number).state {
            let adrift = (copy.clone(), *goal);
            life.adrift.push(adrift);
        }
        life.tell_work(number, Told::Confirm);
    }

    fn lose_confirm(&mut self, number: usize) {
        self.left.confirms -= 1;
        let life = self.life();
        let work = life.work(number);
        let event = work.copy.event;
        let State::Publishes { goal, is_stored, .. } = &work.state else { return };
        let when = is_stored.then_some(goal.arrived());
        life.tell_work(number, Told::Open);
        self.events[event].struck(What::Confirm, when);
    }

    fn cut(&mut self) {
        self.left.cuts -= 1;
        let Some(life) = &mut self.life else { return };
        for work in life.unacked() {
            let goes_on = match &work.state {
                State::Calls { .. } => Some(When::Called),
                State::Publishes { .. } => Some(When::Sent),
                State::Waits | State::Settled => None,
            };
            self.events[work.copy.event].struck(What::Channel, work.done.or(goes_on));
        }
        give_back(&self.rules, life, &mut self.queue);
        life.cut();
    }

    fn die(&mut self) {
        self.left.deaths -= 1;
        let Some(life) = self.life.take() else { return };
        for work in life.unacked() {
            self.events[work.copy.event].struck(What::Process, work.done);
        }
        give_back(&self.rules, &life, &mut self.queue);
    }
}

impl Goal {
    fn arrived(self) -> When {
        match self {
            Self::DelayLine => When::Retried,
            Self::DeadLetters => When::Died,
        }
    }
}

/// What was not acked goes back, and counts as handed over once more.
fn give_back(rules: &Rules, life: &Life, queue: &mut Vec<Copy>) {
    if rules.mistake != Mistake::AckBeforeTheCall {
        queue.extend(life.unacked().map(|work| work.copy.again()));
    }
}
