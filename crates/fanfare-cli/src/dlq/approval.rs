//! Looking before a change, and asking.

use std::time::Duration;

use fanfare_broker::Inspector;
use tokio::time::{Instant, sleep};

use super::filter::Filter;
use super::scan::{DeadLetters, ScanError};
use super::tally::Tally;
use crate::failure::Failure;
use crate::output::Console;
use crate::session::Session;

/// What a look found.
#[derive(Debug)]
pub(super) struct Preview {
    pub(super) tally: Tally,
    /// Letters that were in the queue, meant or not.
    pub(super) waiting: u64,
    pub(super) other_readers: u32,
    pub(super) held_by_others: u64,
}

/// How far a change may go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Approval {
    /// Every letter that is meant.
    Everything,
    /// So many letters, which somebody has seen counted.
    AtMost(u64),
    /// There is nothing to change.
    Nothing,
}

/// How long what was read may take to be back in its place.
const RETURN_DEADLINE: Duration = Duration::from_secs(5);
const RETURN_LOOK: Duration = Duration::from_millis(50);

impl Approval {
    pub(super) fn at_most(&self) -> Option<u64> {
        match self {
            Self::Everything => None,
            Self::AtMost(most) => Some(*most),
            Self::Nothing => Some(0),
        }
    }
}

/// Shows what `verb` would change and asks, unless `yes` was said beforehand.
pub(super) async fn approve(
    session: &mut Session,
    letters: &DeadLetters,
    filter: &Filter,
    verb: &str,
    yes: bool,
) -> Result<Approval, Failure> {
    if yes {
        return Ok(Approval::Everything);
    }
    if !session.console.can_ask() {
        return Err(Failure::Usage(
            "there is no terminal to ask on; say --yes or --dry-run".into(),
        ));
    }
    let preview = look(letters, filter, |_| Ok(())).await?;
    let (total, destination) = (preview.tally.total(), letters.names.destination());
    super::command::remark_on_others(
        &mut session.console,
        preview.other_readers,
        preview.held_by_others,
    );
    if total == 0 {
        session.console.remark(format_args!("no dead letters of {destination} match"));
        return Ok(Approval::Nothing);
    }
    session.console.remark(preview.tally.rows().as_text());
    let question = format!("{verb} {total} of {} dead letters of {destination}?", preview.waiting);
    if !session.console.confirm(&question)? {
        return Err(Failure::NotAsAsked("nothing was changed".into()));
    }
    all_back(letters, preview.waiting).await?;
    Ok(Approval::AtMost(total))
}

/// Looks as a dry run does: with `--json`, each letter that is meant is an object.
pub(super) async fn look_dry(
    console: &mut Console,
    letters: &DeadLetters,
    filter: &Filter,
) -> Result<Preview, Failure> {
    let each = |letter: &super::DeadLetter| {
        if console.json { Ok(console.object(letter)?) } else { Ok(()) }
    };
    let preview = look(letters, filter, each).await?;
    super::command::remark_on_others(console, preview.other_readers, preview.held_by_others);
    Ok(preview)
}

/// Says what a dry run found, for people.
pub(super) fn say_dry(
    console: &mut Console,
    letters: &DeadLetters,
    preview: &Preview,
    verb: &str,
) -> Result<(), Failure> {
    let (matched, waiting) = (preview.tally.total(), preview.waiting);
    if matched > 0 {
        console.table(preview.tally.rows())?;
    }
    let destination = letters.names.destination();
    let line = format_args!("would {verb} {matched} of {waiting} dead letters of {destination}");
    Ok(console.line(line)?)
}

/// Counts what is meant and changes nothing.
async fn look(
    letters: &DeadLetters,
    filter: &Filter,
    mut each: impl FnMut(&super::DeadLetter) -> Result<(), Failure>,
) -> Result<Preview, Failure> {
    let mut scan = letters.scan(filter).await?;
    let mut tally = Tally::default();
    while let Some(found) = scan.next().await? {
        tally.add(&found.letter);
        each(&found.letter)?;
    }
    let (waiting, other_readers) = (scan.waiting(), scan.other_readers());
    Ok(Preview { tally, waiting, other_readers, held_by_others: scan.close().await })
}

/// Waits until the letters that were read can be read again: the broker returns them
/// shortly after the connection is closed, not at the same moment.
async fn all_back(letters: &DeadLetters, waiting: u64) -> Result<(), Failure> {
    let deadline = Instant::now() + RETURN_DEADLINE;
    let failed =
        |source| ScanError::Inspect { destination: letters.names.destination().to_owned(), source };
    let inspector = Inspector::connect(&letters.broker).await.map_err(failed)?;
    let queue = letters.names.dead();
    // Past the deadline another reader has them, which the change itself will say.
    while Instant::now() < deadline {
        let depth = inspector.depth(&queue).await.map_err(failed)?;
        if depth.is_none_or(|depth| depth.ready >= waiting) {
            break;
        }
        sleep(RETURN_LOOK).await;
    }
    inspector.close().await;
    Ok(())
}
