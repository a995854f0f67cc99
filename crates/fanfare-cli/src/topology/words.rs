//! RabbitMQ's words for a difference, in ours.

/// What differs, in a sentence; words that are not known stay as they are.
///
/// RabbitMQ writes `PRECONDITION_FAILED - inequivalent arg 'NAME' for queue 'Q' in
/// vhost 'V': received … but current is …`, where each is `none`, `'X'` or
/// `the value 'X' of type 'T'`.
pub(super) fn difference(text: &str) -> String {
    said(text).unwrap_or_else(|| text.to_owned())
}

/// Why an object could not be looked at, in a few words.
///
/// RabbitMQ writes `ACCESS_REFUSED - configure access to queue 'Q' in vhost 'V' refused for
/// user 'U'`.
pub(super) fn refusal(text: &str) -> String {
    let right =
        text.strip_prefix("ACCESS_REFUSED - ").and_then(|text| text.split_once(" access to "));
    match right {
        Some((right, _)) => format!("no {right} right"),
        None => text.to_owned(),
    }
}

fn said(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("inequivalent arg '")?;
    let (name, rest) = rest.split_once('\'')?;
    let (_, rest) = rest.split_once("received ")?;
    let (planned, current) = rest.split_once(" but current is ")?;
    let (planned, current) = (value(planned)?, value(current)?);
    Some(format!("{name}: planned {planned}, is {current}"))
}

fn value(text: &str) -> Option<&str> {
    if text.starts_with("none") {
        return Some("nothing");
    }
    let (_, rest) = text.split_once('\'')?;
    rest.split_once('\'').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_said_per_argument() {
        let table = [
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': \
                 received the value '1000' of type 'signedint' but current is the value '2000' of type 'signedint'",
                "x-message-ttl: planned 1000, is 2000",
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-overflow' for queue 'q' in vhost '/': \
                 received 'reject-publish' but current is none",
                "x-overflow: planned reject-publish, is nothing",
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'q' in vhost '/': \
                 received none but current is the value '10' of type 'signedint'",
                "x-max-length: planned nothing, is 10",
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'e' in vhost '/': \
                 received 'topic' but current is 'fanout'",
                "type: planned topic, is fanout",
            ),
        ];
        for (broker, ours) in table {
            assert_eq!(difference(broker), ours);
        }
    }

    #[test]
    fn words_that_are_not_known_stay() {
        assert_eq!(difference("something else"), "something else");
        assert_eq!(refusal("something else"), "something else");
    }

    #[test]
    fn a_refusal_names_the_right_that_is_missing() {
        let text =
            "ACCESS_REFUSED - configure access to queue 'q' in vhost '/' refused for user 'op'";
        assert_eq!(refusal(text), "no configure right");
    }
}
