//! What can happen to a destination: one step each, when it can, and its words.

use std::time::Duration;

use super::copy::{Copy, IDS};
use super::life::{Life, State, Work};
use super::process::Goal;
use super::rules::Mistake;
use super::site::Site;
use crate::outcome::{Outcome, Reason, Trouble};

/// What can happen next. Places count from zero, works by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The broker hands over what is at this place of the queue.
    HandOver(usize),
    /// What is at this place of the delay line has waited long enough.
    Return(usize),
    /// The API has the event that this work calls for.
    Take(usize),
    /// The call of this work ends.
    Answer(usize, Answer),
    /// The broker has what this work publishes.
    Store(usize),
    /// The broker has what is at this place of those whose sender does not wait.
    StoreAdrift(usize),
    /// The process hears that the broker has what this work publishes.
    Confirm(usize),
    /// Acks arrive.
    HearAcks,
    /// Who waits has waited long enough.
    PassTime,
    /// No confirm comes for what this work publishes.
    LoseConfirm(usize),
    /// The channel is lost, and with it what was settled and not heard.
    Cut,
    /// The process dies, and another one is started.
    Die,
}

/// How a call can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    /// The API has it.
    Yes,
    Never,
    Later,
    /// The API has it, and says so to nobody.
    Lost,
    /// The API does not have it, and says nothing.
    Nothing,
    /// Everybody has to wait.
    Wait,
}

impl Site {
    /// What can happen now.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        steps.extend(different(&self.queue).map(Step::HandOver));
        steps.extend(different(&self.delayed).map(Step::Return));
        let Some(life) = &self.life else { return steps };
        for work in &life.works {
            self.steps_of(work, &mut steps);
        }
        steps.extend((0..life.adrift.len()).map(Step::StoreAdrift));
        let waits = |work: &Work| work.state == State::Waits;
        let is_settled = |work: &Work| work.state == State::Settled;
        let is_at_work = !life.works.is_empty() || !life.adrift.is_empty();
        let others = [
            (life.works.iter().any(is_settled), Step::HearAcks),
            (life.works.iter().any(waits), Step::PassTime),
            (is_at_work && self.left.cuts > 0, Step::Cut),
            (is_at_work && self.left.deaths > 0, Step::Die),
        ];
        steps.extend(others.into_iter().filter_map(|(can_be, step)| can_be.then_some(step)));
        steps
    }

    fn steps_of(&self, work: &Work, steps: &mut Vec<Step>) {
        let number = work.number;
        match &work.state {
            State::Waits | State::Settled => {}
            State::Calls { is_taken: true } => {
                steps.push(Step::Answer(number, Answer::Yes));
                if self.left.answers > 0 {
                    steps.push(Step::Answer(number, Answer::Lost));
                }
            }
            State::Calls { is_taken: false } => {
                steps.push(Step::Take(number));
                let refusals = self.rules.refusals.iter();
                steps.extend(refusals.map(|answer| Step::Answer(number, *answer)));
                if self.left.answers > 0 {
                    steps.push(Step::Answer(number, Answer::Nothing));
                }
                if self.left.holds > 0 {
                    steps.push(Step::Answer(number, Answer::Wait));
                }
            }
            State::Publishes { is_stored, .. } => {
                if !is_stored {
                    steps.push(Step::Store(number));
                }
                if *is_stored || self.rules.mistake == Mistake::AckBeforeTheConfirm {
                    steps.push(Step::Confirm(number));
                }
                if self.left.confirms > 0 {
                    steps.push(Step::LoseConfirm(number));
                }
            }
        }
    }

    /// The step in words.
    pub(super) fn tell(&self, step: Step) -> String {
        let work = |number: usize| {
            let mut works = self.life.iter().flat_map(|life: &Life| &life.works);
            works.find(|work| work.number == number)
        };
        let called = |number: usize| work(number).map_or("?", |work| IDS[work.copy.event]);
        let published = |number: usize| match work(number).map(|work| &work.state) {
            Some(State::Publishes { copy, goal, .. }) => {
                format!("the {} of {}", goal.name(), IDS[copy.event])
            }
            _ => "nothing".to_owned(),
        };
        match step {
            Step::HandOver(place) => format!("the broker hands over {}", told(&self.queue[place])),
            Step::Return(place) => {
                format!("{} comes back from the delay line", told(&self.delayed[place]))
            }
            Step::Take(number) => format!("the call has its effect for {}", called(number)),
            Step::Answer(number, answer) => {
                format!("the call for {} {}", called(number), answer.words())
            }
            Step::Store(number) => format!("the broker has {}", published(number)),
            Step::StoreAdrift(_) => "the broker has a successor whose sender went on".to_owned(),
            Step::Confirm(number) => {
                format!("the process takes {} for confirmed", published(number))
            }
            Step::LoseConfirm(number) => format!("no confirm comes for {}", published(number)),
            Step::HearAcks => "the broker hears what is acked".to_owned(),
            Step::PassTime => "time passes".to_owned(),
            Step::Cut => "the channel is lost".to_owned(),
            Step::Die => "the process dies".to_owned(),
        }
    }
}

impl Step {
    /// Whether it is something that goes wrong, and need not.
    pub(super) fn is_fault(self) -> bool {
        match self {
            Self::Cut | Self::Die | Self::LoseConfirm(_) => true,
            Self::Answer(_, answer) => {
                matches!(answer, Answer::Lost | Answer::Nothing | Answer::Wait)
            }
            _ => false,
        }
    }
}

impl Answer {
    /// As the process hears it, which cannot know what the API has.
    pub(super) fn heard(self) -> Self {
        if self == Self::Nothing { Self::Lost } else { self }
    }

    pub(super) fn outcome(self) -> Outcome {
        let reason = Reason::new("so it was told");
        match self {
            Self::Yes => Outcome::Delivered,
            Self::Never => Outcome::Rejected { reason },
            Self::Later => Outcome::Retry { reason, after: None },
            Self::Lost | Self::Nothing => Outcome::Ambiguous { reason },
            Self::Wait => Outcome::Hold {
                reason,
                trouble: Trouble::Throttled,
                pause: Some(Duration::from_secs(1)),
            },
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Yes => "is answered well",
            Self::Never => "is refused for good",
            Self::Later => "fails, and may be made again",
            Self::Lost => "had its effect, and gets no answer",
            Self::Nothing => "has no effect, and gets no answer",
            Self::Wait => "is answered that everybody has to wait",
        }
    }
}

impl Goal {
    fn name(self) -> &'static str {
        match self {
            Self::DelayLine => "retry",
            Self::DeadLetters => "dead letter",
        }
    }
}

/// The places of copies that differ: of those that are alike, one will do.
fn different(copies: &[Copy]) -> impl Iterator<Item = usize> {
    (0..copies.len()).filter(|place| !copies[..*place].contains(&copies[*place]))
}

fn told(copy: &Copy) -> String {
    let again = if copy.view.redelivered { ", not for the first time" } else { "" };
    format!("{} for attempt {}{again}", IDS[copy.event], copy.view.attempts + 1)
}
