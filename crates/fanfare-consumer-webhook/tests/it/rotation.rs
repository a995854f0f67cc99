//! Secrets in a file are replaced while webhooks are delivered.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use fanfare_delivery::Outcome;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::receiver::Received;
use crate::story::{OLD_SECRET, SECRET, Story, event};

/// A receiver, and webhooks that are signed with what a file holds.
struct Rotation {
    folder: TempDir,
    story: Story,
}

impl Rotation {
    async fn starting_with(secrets: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(file_in(&folder), secrets).unwrap();
        let file = file_in(&folder);
        let changes = [
            ("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8"),
            ("WEBHOOK_SECRET_FILE", file.to_str().unwrap()),
        ];
        let story = Story::with([], &changes).await;
        Self { folder, story }
    }

    /// In one step, as whoever manages secrets does it.
    fn file_holds(&self, secrets: &str) {
        let new = file_in(&self.folder).with_extension("new");
        fs::write(&new, secrets).unwrap();
        fs::rename(new, file_in(&self.folder)).unwrap();
    }

    async fn deliver(&self) -> Received {
        assert_eq!(self.story.deliver(&event(), 1).await, Outcome::Delivered);
        self.story.receiver.received().pop().unwrap()
    }

    /// Delivers until a webhook is signed with these and no others.
    async fn until_signed_with(&self, secrets: &[&str], not: &[&str]) {
        let signed = async {
            loop {
                let webhook = self.deliver().await;
                let verifies = |secret: &&str| webhook.verify(secret).is_ok();
                // Whichever secrets are in force, a receiver that knows one of them is content.
                assert!(verifies(&SECRET) || verifies(&OLD_SECRET));
                if secrets.iter().all(verifies) && !not.iter().any(verifies) {
                    return;
                }
            }
        };
        timeout(Duration::from_secs(20), signed).await.expect("webhooks signed anew");
    }
}

fn file_in(folder: &TempDir) -> PathBuf {
    folder.path().join("webhook-secret")
}

#[tokio::test]
async fn secrets_are_rotated_by_their_file_and_every_webhook_verifies() {
    let rotation = Rotation::starting_with(&format!("{OLD_SECRET}\n")).await;
    rotation.until_signed_with(&[OLD_SECRET], &[SECRET]).await;
    rotation.file_holds(&format!("{SECRET},{OLD_SECRET}\n"));
    rotation.until_signed_with(&[SECRET, OLD_SECRET], &[]).await;
    rotation.file_holds(&format!("{SECRET}\n"));
    rotation.until_signed_with(&[SECRET], &[OLD_SECRET]).await;
}
