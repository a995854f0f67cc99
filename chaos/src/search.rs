//! Looks for secrets where others may look: logs, metrics, and what the operator's tool prints.

use std::fs;

use crate::facts::Leak;
use crate::secrets::canaries;

/// What was searched, and what was found.
#[derive(Debug, Default)]
pub struct Search {
    /// Bytes.
    pub searched: u64,
    /// Secrets that were seen, each place once.
    pub leaks: Vec<Leak>,
}

impl Search {
    /// Searches `text`, which others see at `place`.
    pub fn look(&mut self, place: &str, text: &str, redis_password: &'static str) {
        self.searched += text.len() as u64;
        for (secret, what) in canaries(redis_password) {
            if text.contains(secret) {
                self.leaks.push(Leak { what, place: place.to_owned() });
            }
        }
    }

    /// Searches a file.
    pub fn look_into(&mut self, path: &std::path::Path, redis_password: &'static str) {
        // A log that cannot be read has said nothing to anybody.
        let text = fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        self.look(&path.display().to_string(), &text, redis_password);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::HUBSPOT_TOKEN;

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        let mut search = Search::default();
        search.look("a log", "all is well", "open-sesame");
        assert!(search.leaks.is_empty() && search.searched > 0);
        search.look("a log", &format!("bearer {HUBSPOT_TOKEN}!"), "open-sesame");
        search.look("metrics", "redis://:open-sesame@", "open-sesame");
        let found: Vec<_> = search.leaks.iter().map(|leak| leak.what).collect();
        assert_eq!(found, ["HubSpot's token", "the password of the Redis"]);
    }
}
