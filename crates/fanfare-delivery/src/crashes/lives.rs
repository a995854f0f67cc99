//! What processes did so far: nothing is found out twice.
//!
//! Running code cannot be copied, but it does the same again when it is told the same. So a
//! moment of a life is what the process was told until then. Whatever it was told before is
//! remembered; only what is new is tried, by a process that is brought there.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::process::{Input, Process, Response};
use super::rules::Rules;

/// All lives that were lived so far.
#[derive(Clone)]
pub(super) struct Lives(Rc<RefCell<Inner>>);

/// A moment of a life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(usize);

struct Inner {
    rules: Rules,
    moments: Vec<Known>,
}

struct Known {
    came: Option<(usize, Input)>,
    next: HashMap<Input, usize>,
    response: Rc<Response>,
    /// A process that is there, if none has gone on from here.
    process: Option<Process>,
}

impl Lives {
    pub(super) fn new(rules: Rules) -> Self {
        let birth = Known::new(None, Response::default(), Process::begin(&rules));
        Self(Rc::new(RefCell::new(Inner { rules, moments: vec![birth] })))
    }

    /// The moment in which a process starts.
    pub(super) fn birth(&self) -> Moment {
        Moment(0)
    }

    /// A process is told something.
    pub(super) fn tell(&self, at: Moment, input: Input) -> (Moment, Rc<Response>) {
        let mut inner = self.0.borrow_mut();
        let next = match inner.moments[at.0].next.get(&input) {
            Some(next) => *next,
            None => inner.find_out(at.0, input),
        };
        (Moment(next), Rc::clone(&inner.moments[next].response))
    }
}

impl Inner {
    fn find_out(&mut self, at: usize, input: Input) -> usize {
        let mut process = match self.moments[at].process.take() {
            Some(process) => process,
            None => self.again(at),
        };
        let response = process.feed(&input);
        let next = self.moments.len();
        self.moments[at].next.insert(input.clone(), next);
        self.moments.push(Known::new(Some((at, input)), response, process));
        next
    }

    /// A process that is told all that led there.
    fn again(&self, mut at: usize) -> Process {
        let mut told = Vec::new();
        while let Some((from, input)) = &self.moments[at].came {
            told.push(input);
            at = *from;
        }
        let mut process = Process::begin(&self.rules);
        told.into_iter().rev().for_each(|input| drop(process.feed(input)));
        process
    }
}

impl Known {
    fn new(came: Option<(usize, Input)>, response: Response, process: Process) -> Self {
        let (next, response) = (HashMap::new(), Rc::new(response));
        Self { came, next, response, process: Some(process) }
    }
}
