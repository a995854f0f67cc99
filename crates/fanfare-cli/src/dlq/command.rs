//! `fanfare dlq`: from flags to a function of this room.

use fanfare_broker::InvalidName;
use time::OffsetDateTime;

use super::filter::Filter;
use super::scan::DeadLetters;
use super::{discard_command, list, replay_command, show};
use crate::arguments::{DlqCommand, FilterArguments};
use crate::failure::Failure;
use crate::output::Console;
use crate::session::Session;

pub(crate) async fn command(session: &mut Session, command: DlqCommand) -> Result<(), Failure> {
    match command {
        DlqCommand::List(arguments) => {
            let letters = dead_letters(session, &arguments.destination)?;
            let filter = filter(&arguments.filter)?;
            list::list(&letters, &filter, arguments.limit, &mut session.console).await
        }
        DlqCommand::Show(arguments) => {
            let letters = dead_letters(session, &arguments.destination)?;
            show::show(&letters, &arguments.id, arguments.reveal, &mut session.console).await
        }
        DlqCommand::Replay(arguments) => {
            let letters = dead_letters(session, &arguments.destination)?;
            let filter = filter(&arguments.filter)?;
            let (dry_run, yes) = (arguments.dry_run, arguments.yes);
            replay_command::run(session, letters, filter, dry_run, yes).await
        }
        DlqCommand::Discard(arguments) => {
            let letters = dead_letters(session, &arguments.destination)?;
            let filter = filter(&arguments.filter)?;
            discard_command::run(session, &letters, &filter, &arguments).await
        }
    }
}

/// Says what could not be seen, so that nobody takes a part for the whole.
pub(super) fn remark_on_others(console: &mut Console, other_readers: u32, held: u64) {
    if held > 0 {
        console.remark(format_args!(
            "another reader holds {held} dead letters, which are not looked at here"
        ));
    } else if other_readers > 0 {
        console.remark(format_args!(
            "other readers of the queue: {other_readers}; what they hold is not looked at here"
        ));
    }
}

fn dead_letters(session: &Session, destination: &str) -> Result<DeadLetters, Failure> {
    let settings = &session.settings;
    let names = settings.namespace.destination(destination);
    let names = names.map_err(|error: InvalidName| Failure::Usage(error.to_string()))?;
    Ok(DeadLetters { broker: settings.broker.clone(), names })
}

fn filter(arguments: &FilterArguments) -> Result<Filter, Failure> {
    Filter::new(arguments, OffsetDateTime::now_utc()).map_err(Failure::Usage)
}
