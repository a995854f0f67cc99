//! Destinations side by side, each with a queue, an API and a process of its own.

use std::rc::Rc;

use fanfare_sandbox::explore::Model;

use super::key::Key;
use super::rules::Rules;
use super::site::Site;
use super::steps::Step;

/// Destinations that were published to together.
#[derive(Clone)]
pub(super) struct House(Vec<Rc<Site>>);

impl House {
    pub(super) fn of(rules: Rules, destinations: usize) -> Self {
        let site = Rc::new(Site::new(rules));
        Self(vec![site; destinations])
    }
}

impl Model for House {
    /// At which destination, and what.
    type Step = (usize, Step);
    type Key = Vec<Key>;

    fn steps(&self) -> Vec<Self::Step> {
        let sites = self.0.iter().enumerate();
        sites.flat_map(|(at, site)| site.steps().into_iter().map(move |step| (at, step))).collect()
    }

    fn take(&mut self, (at, step): &Self::Step) {
        Rc::make_mut(&mut self.0[*at]).take(*step);
    }

    fn is_fault((_, step): &Self::Step) -> bool {
        step.is_fault()
    }

    fn tell(&self, (at, step): &Self::Step) -> String {
        let words = self.0[*at].tell(*step);
        if self.0.len() == 1 { words } else { format!("destination {at}: {words}") }
    }

    fn key(&self) -> Self::Key {
        self.0.iter().map(|site| site.key()).collect()
    }

    fn flaw(&self) -> Option<String> {
        self.0.iter().find_map(|site| site.flaw())
    }

    fn flaw_at_rest(&self) -> Option<String> {
        self.0.iter().find_map(|site| site.flaw_at_rest())
    }

    fn remarks(&self) -> Vec<String> {
        self.0
            .iter()
            .flat_map(|site| site.events.iter().filter_map(|event| event.remark()))
            .collect()
    }
}
