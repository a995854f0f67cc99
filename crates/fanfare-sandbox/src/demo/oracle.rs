//! Finds out what really became of every event at one destination.
//!
//! Delivered is what the API has, by idempotency key; dead is what the dead-letter queue
//! holds. An event must be in one of the two. Only where neither can know, because the
//! consumer skips the type or the API is not told the key, the consumer's report counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use fanfare_events::{Event, IdempotencyKey};

use super::apis::{DemoApi, is_withheld};
use super::board::{Board, Standing};
use super::dead_letters::DeadLetter;
use crate::mock::{KeyTally, RequestRecord};

/// What became of the events at one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) delivered: usize,
    pub(super) dead: usize,
    pub(super) skipped: usize,
    /// Events whose effect happened more than once.
    pub(super) doubled: usize,
    /// What must not be, with the event's id.
    pub(super) wrong: Vec<String>,
}

/// What is known about a destination when the account is made.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub(super) api: &'a DemoApi,
    pub(super) board: &'a Board,
    pub(super) dead: &'a [DeadLetter],
    /// Whether no two events are about the same contact.
    pub(super) is_one_event_each: bool,
}

impl Evidence<'_> {
    /// The account of `events`, all of which the broker has confirmed.
    pub(super) fn account(&self, events: &[Event]) -> Account {
        let tallies = self.api.mock.effects().keys;
        let withheld = withheld(&self.api.mock.log());
        let dead: HashSet<IdempotencyKey> = self.dead.iter().filter_map(|one| one.key).collect();
        let mut account = Account::default();
        let mut known = HashSet::new();
        for event in events {
            let key = self.api.key(event);
            let tally = tallies.get(&key.to_string()).copied().unwrap_or_default();
            let withheld = withheld.get(&key.to_string()).copied().unwrap_or_default();
            known.insert(key);
            let fault = if dead.contains(&key) {
                account.dead += 1;
                // An API may have done what its withheld answer did not say.
                (tally.accepted > withheld).then_some("is dead although it was delivered")
            } else {
                self.place(event, &key, tally, &mut account)
            };
            let fault = fault.or_else(|| self.doubled(tally, withheld, &mut account));
            account.wrong.extend(fault.map(|fault| format!("{} {fault}", event.id())));
        }
        account.wrong.extend(self.strangers(&tallies, &known));
        account
    }

    /// Puts an event that is not dead into its place, or says what is wrong.
    fn place(
        &self,
        event: &Event,
        key: &IdempotencyKey,
        tally: KeyTally,
        account: &mut Account,
    ) -> Option<&'static str> {
        let standing = self.board.standing(self.api.name, key);
        let is_delivered = tally.accepted > 0
            || (standing == Standing::Delivered && !self.is_surely_tallied(event));
        if is_delivered {
            account.delivered += 1;
            return None;
        }
        match standing {
            Standing::Skipped => {
                account.skipped += 1;
                None
            }
            Standing::Delivered => Some("is reported as delivered, but the API does not have it"),
            Standing::Dead => Some("is reported as dead, but is not among the dead letters"),
            Standing::Waiting | Standing::Retry => Some("is neither delivered nor dead"),
        }
    }

    /// Whether the API is told the event's key, come what may.
    fn is_surely_tallied(&self, event: &Event) -> bool {
        let is_merged = self.api.merges && !self.is_one_event_each;
        !is_merged && self.api.tallies(event.event_type())
    }

    fn doubled(
        &self,
        tally: KeyTally,
        withheld: u32,
        account: &mut Account,
    ) -> Option<&'static str> {
        let again = tally.effects.saturating_sub(1);
        if again == 0 {
            return None;
        }
        account.doubled += 1;
        if self.api.is_idempotent && self.is_one_event_each {
            return Some("was delivered twice with effect, although the API is idempotent");
        }
        (again > withheld).then_some("was delivered twice, although no answer was withheld")
    }

    /// What the API or the dead-letter queue has and nobody published.
    fn strangers(
        &self,
        tallies: &BTreeMap<String, KeyTally>,
        known: &HashSet<IdempotencyKey>,
    ) -> Vec<String> {
        let known_as_text: HashSet<String> = known.iter().map(ToString::to_string).collect();
        let delivered = tallies.keys().filter(|key| !known_as_text.contains(*key));
        let delivered = delivered.map(|key| format!("{key} was delivered and never published"));
        let dead = self.dead.iter().filter(|one| one.key.is_none_or(|key| !known.contains(&key)));
        let dead = dead.map(|letter| format!("{} is dead and was never published", letter.id));
        delivered.chain(dead).collect()
    }
}

/// How many answers were withheld, per idempotency key.
fn withheld(requests: &[RequestRecord]) -> HashMap<String, u32> {
    let mut withheld = HashMap::new();
    for request in requests.iter().filter(|request| is_withheld(request)) {
        for key in &request.keys {
            *withheld.entry(key.clone()).or_default() += 1;
        }
    }
    withheld
}

#[cfg(test)]
mod tests {
    use fanfare_broker::Cause;
    use serde_json::json;

    use super::super::apis;
    use super::super::people::{Fate, registration};
    use super::*;

    /// SendGrid without the engine: mails are sent by hand.
    async fn sendgrid() -> DemoApi {
        fanfare_process::install_crypto_provider();
        let [_, sendgrid] = apis::start(1).await.unwrap();
        sendgrid
    }

    async fn send(api: &DemoApi, event: &Event) {
        let mail = json!({
            "personalizations": [{ "to": [{ "email": "ada@example.org" }] }],
            "from": { "email": "hello@example.com" },
            "subject": "Welcome",
            "content": [{ "type": "text/plain", "value": "Hello" }],
            "custom_args": { "idempotency_key": api.key(event).to_string() },
        });
        let url = format!("{}/v3/mail/send", api.mock.base_url());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.post(url).bearer_auth(apis::TOKEN).body(mail.to_string());
        assert_eq!(request.send().await.unwrap().status(), 202);
    }

    fn account(api: &DemoApi, board: &Board, dead: &[DeadLetter], event: &Event) -> Account {
        let evidence = Evidence { api, board, dead, is_one_event_each: true };
        evidence.account(std::slice::from_ref(event))
    }

    fn letter(api: &DemoApi, event: &Event) -> DeadLetter {
        DeadLetter {
            id: event.id().to_string(),
            key: Some(api.key(event)),
            cause: Some(Cause::Rejected),
            reason: String::new(),
        }
    }

    #[tokio::test]
    async fn an_event_is_delivered_or_dead_and_never_lost_or_doubled() {
        let (api, event) = (sendgrid().await, registration(1, Fate::Welcome));
        let board = Board::new([api.name]);
        board.expect([api.key(&event)]);
        let says = |fault: &str| vec![format!("{} {fault}", event.id())];

        let lost = account(&api, &board, &[], &event);
        assert_eq!(lost.wrong, says("is neither delivered nor dead"));
        let dead = account(&api, &board, &[letter(&api, &event)], &event);
        assert_eq!(dead, Account { dead: 1, ..Account::default() });

        board.reported(api.name, api.key(&event), Standing::Delivered);
        let not_there = account(&api, &board, &[], &event);
        assert_eq!(not_there.wrong, says("is reported as delivered, but the API does not have it"));
        send(&api, &event).await;
        let delivered = account(&api, &board, &[], &event);
        assert_eq!(delivered, Account { delivered: 1, ..Account::default() });
        let both = account(&api, &board, &[letter(&api, &event)], &event);
        assert_eq!(both.wrong, says("is dead although it was delivered"));

        send(&api, &event).await;
        let doubled = account(&api, &board, &[], &event);
        assert_eq!(doubled.wrong, says("was delivered twice, although no answer was withheld"));
    }

    #[tokio::test]
    async fn what_nobody_published_is_found() {
        let (api, event) = (sendgrid().await, registration(1, Fate::Welcome));
        let (stranger, board) = (registration(2, Fate::Welcome), Board::new([api.name]));
        board.expect([api.key(&event)]);
        send(&api, &event).await;
        send(&api, &stranger).await;
        let found = account(&api, &board, &[letter(&api, &stranger)], &event);
        let expected = [
            format!("{} was delivered and never published", api.key(&stranger)),
            format!("{} is dead and was never published", stranger.id()),
        ];
        assert_eq!(found.wrong, expected);
    }
}
