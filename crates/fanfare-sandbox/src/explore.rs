//! Everything that a small system can do: all its states, each reached by the fewest steps.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;

/// A system that takes one step after the other, and always the same ways from the same state.
pub trait Model: Clone {
    /// What can happen.
    type Step: Clone;
    /// What tells one state from another. States that are alike must go on alike.
    type Key: Eq + Hash;

    /// What can happen now.
    fn steps(&self) -> Vec<Self::Step>;

    /// It happens.
    fn take(&mut self, step: &Self::Step);

    /// Whether it is a step that nobody may rely on.
    fn is_fault(step: &Self::Step) -> bool;

    /// The step in words, for the story of a flaw.
    fn tell(&self, step: &Self::Step) -> String;

    /// What tells this state from others.
    fn key(&self) -> Self::Key;

    /// What must never be, if it is.
    fn flaw(&self) -> Option<String>;

    /// What must not be once nothing but faults can happen, if it is.
    fn flaw_at_rest(&self) -> Option<String>;

    /// What is worth knowing of a state at rest.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What was found where there is no flaw.
#[derive(Debug)]
pub struct Explored {
    /// How many states there are.
    pub states: usize,
    /// How many steps lead from one to another.
    pub steps: usize,
    /// What the states at rest remarked.
    pub remarks: BTreeSet<String>,
}

/// A flaw, and the shortest way there.
#[derive(Debug)]
pub struct Story {
    /// What is wrong at the end.
    pub flaw: String,
    /// What happened, one line each.
    pub steps: Vec<String>,
}

struct Node<M: Model> {
    /// Where it was reached from, and how.
    came: Option<(usize, M::Step)>,
    /// The system, until its steps are taken.
    model: Option<M>,
    /// How many steps go on from here.
    ways: usize,
}

struct Search<M: Model> {
    start: M,
    nodes: Vec<Node<M>>,
    known: HashMap<M::Key, usize>,
    /// Steps that are no faults, from and to.
    sure: Vec<(usize, usize)>,
    at_rest: Vec<usize>,
    found: Explored,
}

/// Goes everywhere from `start`.
///
/// Besides the model's own flaws it is one when a state cannot come to rest without faults.
///
/// # Errors
///
/// The story of the flaw that takes the fewest steps.
pub fn explore<M: Model>(start: M) -> Result<Explored, Story> {
    let found = Explored { states: 0, steps: 0, remarks: BTreeSet::new() };
    let (nodes, known) = (Vec::new(), HashMap::new());
    let mut search = Search { start, nodes, known, sure: Vec::new(), at_rest: Vec::new(), found };
    search.arrive(None, search.start.clone());
    let mut next = 0;
    while next < search.nodes.len() {
        search.go_on(next)?;
        next += 1;
    }
    search.come_to_rest()?;
    Ok(Explored { states: search.nodes.len(), ..search.found })
}

impl<M: Model> Search<M> {
    fn go_on(&mut self, from: usize) -> Result<(), Story> {
        let Some(here) = self.nodes[from].model.take() else { return Ok(()) };
        let steps = here.steps();
        if steps.iter().all(M::is_fault) {
            self.at_rest.push(from);
            self.found.remarks.extend(here.remarks());
            if let Some(flaw) = here.flaw_at_rest() {
                return Err(self.story(from, flaw));
            }
        }
        for step in steps {
            let mut there = here.clone();
            there.take(&step);
            self.found.steps += 1;
            let is_sure = !M::is_fault(&step);
            let (to, flaw) = self.arrive(Some((from, step)), there);
            if let Some(flaw) = flaw {
                return Err(self.story(to, flaw));
            }
            if is_sure {
                self.sure.push((from, to));
            }
        }
        Ok(())
    }

    /// Where that is, and what is wrong there if it was not known.
    fn arrive(&mut self, came: Option<(usize, M::Step)>, model: M) -> (usize, Option<String>) {
        let ways = model.steps().len();
        let place = self.nodes.len();
        let known = *self.known.entry(model.key()).or_insert(place);
        if known < place {
            assert_eq!(self.nodes[known].ways, ways, "states with the same key go on differently");
            return (known, None);
        }
        let flaw = model.flaw();
        self.nodes.push(Node { came, model: Some(model), ways });
        (place, flaw)
    }

    /// Every state comes to rest if there are no more faults.
    fn come_to_rest(&self) -> Result<(), Story> {
        let mut before = vec![Vec::new(); self.nodes.len()];
        for (from, to) in &self.sure {
            before[*to].push(*from);
        }
        let mut rests = vec![false; self.nodes.len()];
        let mut to_see = self.at_rest.clone();
        while let Some(node) = to_see.pop() {
            if !std::mem::replace(&mut rests[node], true) {
                to_see.extend(&before[node]);
            }
        }
        match rests.iter().position(|rests| !rests) {
            Some(node) => Err(self.story(node, "it never comes to rest".to_owned())),
            None => Ok(()),
        }
    }

    fn story(&self, mut node: usize, flaw: String) -> Story {
        let mut way = Vec::new();
        while let Some((from, step)) = &self.nodes[node].came {
            way.push(step);
            node = *from;
        }
        let mut model = self.start.clone();
        let tell = |step: &M::Step| {
            let words = model.tell(step);
            model.take(step);
            words
        };
        Story { flaw, steps: way.into_iter().rev().map(tell).collect() }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:3}. {step}")?;
        }
        write!(f, "  => {}", self.flaw)
    }
}
