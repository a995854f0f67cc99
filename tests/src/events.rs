//! Events whose payload can be computed from their number.

use fanfare_events::{Event, EventId, UserDeleted, UserRegistered};

const SOURCE: &str = "/tests/signup";

/// The registration of user `number`, always the same event.
pub fn registered(number: usize) -> Event {
    let user = UserRegistered {
        user_id: format!("user-{number}"),
        email: format!("user-{number}@example.org"),
        registered_at: time::OffsetDateTime::UNIX_EPOCH
            + time::Duration::seconds(1_700_000_000 + i64::try_from(number).unwrap_or(0)),
        first_name: Some(format!("User {number}")),
        last_name: None,
        locale: None,
    };
    Event::builder("user.registered", SOURCE)
        .id(EventId::from_key(SOURCE, &format!("registered-{number}")))
        .payload(&user)
        .build()
        .expect("a registration is a valid event")
}

/// The registrations of users `1..=count`.
pub fn registered_many(count: usize) -> Vec<Event> {
    (1..=count).map(registered).collect()
}

/// The deletion of user `number`, always the same event.
pub fn deleted(number: usize) -> Event {
    let user = UserDeleted {
        user_id: format!("user-{number}"),
        email: format!("user-{number}@example.org"),
    };
    Event::builder("user.deleted", SOURCE)
        .id(EventId::from_key(SOURCE, &format!("deleted-{number}")))
        .payload(&user)
        .build()
        .expect("a deletion is a valid event")
}
