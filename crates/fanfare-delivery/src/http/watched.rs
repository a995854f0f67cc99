//! What is made from files that may change while the process runs.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

/// How something is made from files.
pub(super) trait Recipe {
    /// What the files hold.
    type Content: PartialEq;
    /// What is made of it.
    type Product: Clone;

    /// What it is called in the log.
    fn name(&self) -> &str;
    /// Whether there is no file that could change.
    fn is_fixed(&self) -> bool;
    /// Reads the files. The error holds nothing of what is in them.
    fn read(&self) -> Result<Self::Content, String>;
    /// Makes the product. The error holds nothing of the content.
    fn make(&self, content: &Self::Content) -> Result<Self::Product, String>;
}

/// A product, made again when its files have changed.
///
/// The files are looked at when the product is used, at most once a second. While they
/// cannot be used, the last product that could be made stays.
pub(super) struct Watched<R: Recipe> {
    recipe: R,
    state: Mutex<State<R>>,
}

struct State<R: Recipe> {
    made: Made<R>,
    next_look: Instant,
    /// What was said about the files, so that it is said once.
    complaint: Option<String>,
}

struct Made<R: Recipe> {
    content: R::Content,
    product: R::Product,
}

/// Two processes that rotate the same secret are rarely closer together than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl<R: Recipe> Watched<R> {
    /// Makes the first product; without one there is nothing to fall back to.
    pub(super) fn new(recipe: R) -> Result<Self, String> {
        let content = recipe.read()?;
        let product = recipe.make(&content)?;
        let next_look = Instant::now() + LOOK_EVERY;
        let made = Made { content, product };
        let state = Mutex::new(State { made, next_look, complaint: None });
        Ok(Self { recipe, state })
    }

    pub(super) fn name(&self) -> &str {
        self.recipe.name()
    }

    pub(super) fn is_fixed(&self) -> bool {
        self.recipe.is_fixed()
    }

    /// The product, from files as they were a second ago at most.
    pub(super) fn current(&self) -> R::Product {
        let mut state = self.state();
        if !self.recipe.is_fixed() && Instant::now() >= state.next_look {
            self.look(&mut state);
        }
        state.made.product.clone()
    }

    /// The product from the files as they are now, because somebody refused it.
    pub(super) fn look_again(&self) -> R::Product {
        let mut state = self.state();
        if !self.recipe.is_fixed() {
            self.look(&mut state);
        }
        state.made.product.clone()
    }

    /// Reads on this thread: for a few hundred bytes once a second, the way to another
    /// one is longer than the reading.
    fn look(&self, state: &mut State<R>) {
        state.next_look = Instant::now() + LOOK_EVERY;
        let name = self.recipe.name();
        match self.make_if_changed(&state.made.content) {
            Ok(made) => {
                state.complaint = None;
                if let Some(made) = made {
                    state.made = made;
                    info!(name, "Changed files were taken over");
                }
            }
            Err(why) if state.complaint.as_ref() != Some(&why) => {
                warn!(name, error = why, "Changed files cannot be used, the last good ones are");
                state.complaint = Some(why);
            }
            Err(_) => {}
        }
    }

    fn make_if_changed(&self, known: &R::Content) -> Result<Option<Made<R>>, String> {
        let content = self.recipe.read()?;
        if content == *known {
            return Ok(None);
        }
        let product = self.recipe.make(&content)?;
        Ok(Some(Made { content, product }))
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Recipe> fmt::Debug for Watched<R> {
    /// What was read and made may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("name", &self.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// A file that holds a number, which its product doubles.
    #[derive(Default)]
    struct Doubled {
        file: RefCell<String>,
        reads: Cell<u32>,
    }

    impl Recipe for Doubled {
        type Content = String;
        type Product = u32;

        fn name(&self) -> &str {
            "doubled"
        }

        fn is_fixed(&self) -> bool {
            false
        }

        fn read(&self) -> Result<String, String> {
            self.reads.set(self.reads.get() + 1);
            let text = self.file.borrow().clone();
            if text.is_empty() { Err("it is empty".into()) } else { Ok(text) }
        }

        fn make(&self, content: &String) -> Result<u32, String> {
            content.parse::<u32>().map(|number| 2 * number).map_err(|error| error.to_string())
        }
    }

    impl Watched<Doubled> {
        fn of(text: &str) -> Result<Self, String> {
            Self::new(Doubled { file: RefCell::new(text.to_owned()), ..Doubled::default() })
        }

        fn write(&self, text: &str) {
            text.clone_into(&mut self.recipe.file.borrow_mut());
        }

        fn reads(&self) -> u32 {
            self.recipe.reads.get()
        }

        fn complaint(&self) -> Option<String> {
            self.state().complaint.clone()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn files_are_looked_at_once_a_second_while_they_are_used() {
        let watched = Watched::of("1").unwrap();
        watched.write("2");
        for _ in 0..100 {
            assert_eq!(watched.current(), 2, "not looked at yet");
        }
        assert_eq!(watched.reads(), 1);
        tokio::time::advance(LOOK_EVERY).await;
        for _ in 0..100 {
            assert_eq!(watched.current(), 4);
        }
        assert_eq!(watched.reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_a_reason_to_look_at_once() {
        let watched = Watched::of("1").unwrap();
        watched.write("2");
        assert_eq!(watched.look_again(), 4);
        assert_eq!(watched.current(), 4);
        assert_eq!(watched.reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_cannot_be_used_leave_what_was_made_last() {
        let watched = Watched::of("1").unwrap();
        for (text, product, complaint) in [
            ("", 2, Some("it is empty")),
            ("one", 2, Some("invalid digit found in string")),
            ("1", 2, None),
            ("", 2, Some("it is empty")),
            ("3", 6, None),
        ] {
            watched.write(text);
            assert_eq!(watched.look_again(), product, "{text:?}");
            assert_eq!(watched.complaint().as_deref(), complaint, "{text:?}");
        }
    }

    #[test]
    fn there_is_no_start_without_a_product() {
        assert_eq!(Watched::of("").unwrap_err(), "it is empty");
        assert_eq!(Watched::of("one").unwrap_err(), "invalid digit found in string");
    }
}
