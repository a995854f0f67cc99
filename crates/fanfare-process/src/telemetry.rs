//! The log: one subscriber per process, to stderr.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::{LogFormat, ProcessSettings};

/// lapin tells its inner life at `info` and below; an operator may still ask for it.
const QUIET: &str = "lapin=warn";

/// Starts the log of this process. A second call changes nothing.
pub fn init(settings: &ProcessSettings) {
    let is_terminal = io::stderr().is_terminal();
    let usual = if is_terminal { LogFormat::Text } else { LogFormat::Json };
    let format = settings.log_format.unwrap_or(usual);
    let subscriber = subscriber(&settings.log, format, is_terminal, io::stderr);
    if subscriber.try_init().is_err() {
        tracing::debug!("the log had been started before");
    }
}

/// An error with all its causes, on one line.
///
/// Errors of this house do not repeat their source; the chain is printed once,
/// where the error is handled.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn subscriber<W>(
    directives: &str,
    format: LogFormat,
    is_terminal: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter(directives)).with_writer(writer);
    let payload_free = filter_fn(is_free_of_payload);
    match format {
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_span_list(false);
            Box::new(builder.finish().with(payload_free))
        }
        // Left alone on a terminal, where the layer itself honours NO_COLOR.
        LogFormat::Text if is_terminal => Box::new(builder.finish().with(payload_free)),
        LogFormat::Text => Box::new(builder.with_ansi(false).finish().with(payload_free)),
    }
}

/// The operator's directives come last, since later ones replace earlier ones.
fn filter(directives: &str) -> EnvFilter {
    EnvFilter::builder().parse_lossy(format!("{QUIET},{directives}"))
}

/// What no directive may bring into the log: lapin shows a returned message
/// with its payload at any level, and each frame with its bytes at `trace`.
fn is_free_of_payload(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_lapin = target == "lapin" || target.starts_with("lapin::");
    !is_lapin
        || (*metadata.level() != Level::TRACE && !target.starts_with("lapin::returned_messages"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was logged while `events` ran.
    fn logged(directives: &str, format: LogFormat, events: impl FnOnce()) -> String {
        let log = Arc::new(Mutex::new(Vec::new()));
        let subscriber = subscriber(directives, format, false, Log(log.clone()));
        tracing::subscriber::with_default(subscriber, events);
        let bytes = log.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Clone)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn no_directive_brings_a_payload_into_the_log() {
        let directives = [
            "info",
            "trace",
            "lapin=trace",
            "lapin::returned_messages=trace",
            "lapin::returned_messages[{payload}]=trace",
            "lapin::channels=trace",
        ];
        for directives in directives {
            let log = logged(directives, LogFormat::Text, || {
                tracing::error!(target: "lapin::returned_messages", payload = 1, "returned");
                tracing::trace!(target: "lapin::channels", payload = 1, "will handle frame");
                tracing::trace!(target: "lapin", payload = 1, "frame");
            });
            assert_eq!(log, "", "{directives}");
        }
    }

    #[test]
    fn lapin_is_quiet_until_asked_for() {
        let events = || {
            tracing::info!(target: "lapin::channel", "chatter");
            tracing::warn!(target: "lapin::channel", "trouble");
        };
        let log = logged("debug", LogFormat::Text, events);
        assert!(log.contains("trouble") && !log.contains("chatter"), "{log}");
        assert!(logged("info,lapin=info", LogFormat::Text, events).contains("chatter"));
        assert!(logged("lapin=trace", LogFormat::Text, events).contains("chatter"));
    }

    #[test]
    fn directives_choose_what_is_logged() {
        let events = || {
            tracing::debug!(target: "fanfare_delivery", "fine");
            tracing::debug!(target: "fanfare_broker", "finer");
        };
        let log = logged("info,fanfare_delivery=debug", LogFormat::Text, events);
        assert!(log.contains("fine") && !log.contains("finer"), "{log}");
        assert!(!log.contains('\u{1b}'), "no colours where it is not a terminal");
    }

    #[test]
    fn json_is_one_flat_object_a_line() {
        let log = logged("info", LogFormat::Json, || {
            let _span = tracing::info_span!("attempt", destination = "hubspot").entered();
            tracing::info!(event_id = "e-1", attempt = 2, "delivered");
            tracing::info!("idle");
        });
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "delivered");
        assert_eq!(lines[0]["event_id"], "e-1");
        assert_eq!(lines[0]["attempt"], 2);
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[0]["span"]["destination"], "hubspot");
    }

    #[test]
    fn a_chain_is_every_cause_on_one_line() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot publish")]
        struct Publish(#[source] Connect);
        #[derive(Debug, thiserror::Error)]
        #[error("cannot reach the broker")]
        struct Connect(#[source] io::Error);

        let error = Publish(Connect(io::Error::other("connection refused")));
        assert_eq!(
            Chain(&error).to_string(),
            "cannot publish: cannot reach the broker: connection refused"
        );
    }
}
