//! The rows of answers: what a status says about the event and about the API.

use fanfare_delivery::Trouble;
use fanfare_sandbox::mock::Fault;

use super::{Row, api_that_answers};

/// One test a row: its statuses, what they come with, and what becomes of the event.
macro_rules! rows {
    ($($row:ident: $statuses:expr, $with:expr => $becomes:expr;)*) => {$(
        #[tokio::test]
        async fn $row() {
            api_that_answers($statuses.into_iter().map(Fault::status).map($with), $becomes).await;
        }
    )*};
}

fn nothing(fault: Fault) -> Fault {
    fault
}

fn a_second_s_wait(fault: Fault) -> Fault {
    fault.retry_after("1")
}

fn another_place(fault: Fault) -> Fault {
    fault.header("location", "/elsewhere")
}

rows! {
    a_2xx_is_delivered:
        [200, 201, 202, 204, 207], nothing => Row::Delivered;
    a_3xx_is_rejected_and_not_followed:
        [301, 302, 303, 304, 307, 308], another_place => Row::Rejected;
    a_4xx_about_the_event_is_rejected:
        [400, 404, 405, 406, 411, 413, 414, 415, 422, 431, 451, 402, 418], nothing => Row::Rejected;
    refused_credentials_401_403_407_hold:
        [401, 403, 407], nothing => Row::Hold(Trouble::Unauthorized);
    a_408_and_a_425_are_tried_again:
        [408, 425], nothing => Row::Retry;
    a_409_is_rejected_unless_the_destination_knows_better:
        [409], nothing => Row::Rejected;
    a_410_disables_until_a_person_resumes:
        [410], nothing => Row::Hold(Trouble::Disabled);
    a_421_is_tried_again:
        [421], nothing => Row::Retry;
    a_423_is_tried_again:
        [423], nothing => Row::Retry;
    a_429_holds:
        [429], nothing => Row::Hold(Trouble::Throttled);
    a_429_and_a_503_that_say_how_long_hold:
        [429, 503], a_second_s_wait => Row::Hold(Trouble::Throttled);
    a_500_502_503_504_and_520_to_524_are_tried_again:
        [500, 502, 503, 504, 520, 521, 522, 523, 524], nothing => Row::Retry;
    a_501_505_506_508_510_511_is_rejected:
        [501, 505, 506, 508, 510, 511], nothing => Row::Rejected;
}
