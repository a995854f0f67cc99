//! Who makes a change.

use nix::unistd::{Uid, User};

/// The user of this machine, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name of the user that this process runs as, or the number when it has no name.
    pub user: String,
    /// What `--actor` said.
    pub actor: Option<String>,
}

impl Who {
    /// The user that this process runs as, acting for `actor`.
    pub fn of(actor: Option<String>) -> Self {
        let uid = Uid::current();
        let user = User::from_uid(uid).ok().flatten();
        Self { user: user.map_or_else(|| uid.to_string(), |user| user.name), actor }
    }

    /// What others read who cannot see this machine's audit log.
    pub fn on_whose_behalf(&self) -> String {
        match &self.actor {
            Some(actor) => format!("{actor} ({})", self.user),
            None => self.user.clone(),
        }
    }
}
