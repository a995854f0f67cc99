//! Who registers: made up, unique by number, and not equally welcome everywhere.

use std::collections::HashMap;

use fanfare_events::{Event, UserRegistered};
use time::{Duration, OffsetDateTime};

/// Where registrations come from.
const SOURCE: &str = "/demo/signup";

/// In the body of every request about a contact of the one company that HubSpot fails on.
pub(super) const AT_MERIDIAN: &str = "@meridian.example";
/// In the body of every request about a mail to the one company that SendGrid fails on.
pub(super) const AT_HARBOUR: &str = "@harbour.example";
/// In the body of every request about an address that mail servers without SMTPUTF8 refuse.
pub(super) const ACCENTED: &str = "é@";

/// How an address fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Welcome everywhere.
    Welcome,
    /// Deleted from HubSpot for privacy, so HubSpot refuses it for ever.
    Forgotten,
    /// SendGrid refuses the letter before the `@`.
    Accented,
    /// HubSpot fails on it until it is mended.
    AtMeridian,
    /// SendGrid fails on it until it is mended.
    AtHarbour,
}

/// Of a thousand registrations so many are not welcome; at least one, and at most so many.
///
/// Events whose every attempt fails are few even in a large run: many would be an outage of
/// the API rather than a fault with some events, and be treated as one.
const UNWELCOME: [(Fate, usize, usize); 4] = [
    (Fate::Forgotten, 8, 500),
    (Fate::Accented, 7, usize::MAX),
    (Fate::AtMeridian, 5, 6),
    (Fate::AtHarbour, 4, 6),
];

const FIRST_NAMES: [&str; 16] = [
    "Ada",
    "Alan",
    "Barbara",
    "Claude",
    "Donald",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "Joan",
    "Katherine",
    "Leslie",
    "Margaret",
    "Niklaus",
    "Radia",
    "Tony",
];
const LAST_NAMES: [&str; 15] = [
    "Allen", "Clarke", "Dijkstra", "Hamilton", "Hoare", "Hopper", "Johnson", "Knuth", "Lamarr",
    "Lamport", "Liskov", "Lovelace", "Perlman", "Shannon", "Wirth",
];
const DOMAINS: [&str; 4] = ["example.org", "example.com", "mail.example", "post.example"];
const LOCALES: [&str; 4] = ["en", "de-CH", "fr", "pt-BR"];

/// `count` registrations, with those that are not welcome spread among them.
pub(super) fn registrations(count: usize) -> Vec<(Event, Fate)> {
    let fates = fates(count);
    let fate = |number| fates.get(&number).copied().unwrap_or(Fate::Welcome);
    (0..count).map(|number| (registration(number, fate(number)), fate(number))).collect()
}

/// The address of person `number`; no other number has it, nor is it a part of another's.
pub(super) fn address(number: usize, fate: Fate) -> String {
    let (first, last) = names(number);
    let person = format!("{}.{}.{number}", first.to_lowercase(), last.to_lowercase());
    match fate {
        Fate::Welcome => format!("{person}@{}", DOMAINS[number % DOMAINS.len()]),
        Fate::Forgotten => format!("{person}@forgotten.example"),
        Fate::Accented => format!("{person}.renée.andré@example.org"),
        Fate::AtMeridian => format!("{person}{AT_MERIDIAN}"),
        Fate::AtHarbour => format!("{person}{AT_HARBOUR}"),
    }
}

/// The registration of person `number`, with a new id and the present time.
pub(super) fn registration(number: usize, fate: Fate) -> Event {
    let (first, last) = names(number);
    let user = UserRegistered {
        user_id: format!("user-{number}"),
        email: address(number, fate),
        // Whole seconds: nothing here depends on more, and it reads better.
        registered_at: OffsetDateTime::now_utc().truncate_to_second() - Duration::SECOND,
        first_name: Some(first.to_owned()),
        last_name: Some(last.to_owned()),
        locale: Some(LOCALES[number % LOCALES.len()].to_owned()),
    };
    Event::of(SOURCE, &user).expect("short text under a fixed source is always a valid event")
}

fn names(number: usize) -> (&'static str, &'static str) {
    (FIRST_NAMES[number % FIRST_NAMES.len()], LAST_NAMES[number % LAST_NAMES.len()])
}

fn fates(count: usize) -> HashMap<usize, Fate> {
    let mut fates = HashMap::new();
    for (place, (fate, per_thousand, at_most)) in UNWELCOME.into_iter().enumerate() {
        let times = (count * per_thousand / 1000).clamp(1, at_most);
        // The last quarter is left out, so that retries do not come all alone at the end.
        let span = (count * 3 / 4).max(1);
        for nth in 0..times {
            let mut number = (nth * span / times + place + 1) % count.max(1);
            while fates.contains_key(&number) && fates.len() < count {
                number = (number + 1) % count;
            }
            fates.insert(number, fate);
        }
    }
    fates
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn times(count: usize, fate: Fate) -> usize {
        registrations(count).iter().filter(|(_, found)| *found == fate).count()
    }

    #[test]
    fn a_thousand_registrations_hold_the_stated_shares() {
        for (fate, expected) in [
            (Fate::Forgotten, 8),
            (Fate::Accented, 7),
            (Fate::AtMeridian, 5),
            (Fate::AtHarbour, 4),
            (Fate::Welcome, 976),
        ] {
            assert_eq!(times(1000, fate), expected, "{fate:?}");
        }
    }

    #[test]
    fn every_kind_occurs_even_among_few() {
        for fate in [Fate::Forgotten, Fate::Accented, Fate::AtMeridian, Fate::AtHarbour] {
            assert_eq!(times(10, fate), 1, "{fate:?}");
        }
        assert_eq!(registrations(1).len(), 1);
        assert_eq!(registrations(0).len(), 0);
    }

    #[test]
    fn no_two_people_share_an_address() {
        let emails: HashSet<String> = registrations(5000)
            .iter()
            .map(|(event, _)| event.payload::<UserRegistered>().unwrap().email)
            .collect();
        assert_eq!(emails.len(), 5000);
    }
}
