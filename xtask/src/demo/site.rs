//! Where the demo plays: a broker, a vhost if the broker is somebody else's, a folder.

use std::fs;
use std::path::Path;

use anyhow::Context;
use fanfare_sandbox::broker::{BrokerNode, Wishes};
use tempfile::TempDir;

use super::say;

/// A broker with room for the demo, and a folder for logs.
#[derive(Debug)]
pub(super) struct Site {
    node: BrokerNode,
    /// Made for the demo on a broker that others may use as well.
    vhost: Option<String>,
    url: String,
    version: String,
    folder: TempDir,
}

impl Site {
    /// Finds or starts a broker; a broker that was given gets a vhost for the demo alone.
    pub(super) async fn prepare(wishes: &Wishes) -> anyhow::Result<Self> {
        let node =
            BrokerNode::provision(wishes).await.context("there is no broker to play with")?;
        let version = node.version().await.unwrap_or_else(|_| "of unknown version".to_owned());
        let folder = tempfile::Builder::new()
            .prefix("fanfare-demo-")
            .tempdir()
            .context("a folder for logs cannot be made")?;
        let mut site = Self { url: node.url().to_owned(), node, vhost: None, version, folder };
        if site.node.home().is_none() {
            let vhost = format!("fanfare-demo-{}", std::process::id());
            site.url = site.node.vhost(&vhost).await.context(
                "the demo cannot make a vhost of its own on this broker; it needs the management \
                 plugin and an administrator, or no broker at all, to start one itself",
            )?;
            site.vhost = Some(vhost);
        }
        Ok(site)
    }

    /// The broker, with the vhost to play in.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Where logs are written.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The broker, in words without a password.
    pub(super) fn described(&self) -> String {
        let place = self.url.rsplit_once('@').map_or("", |(_, place)| place);
        format!("RabbitMQ {} at {place}", self.version)
    }

    /// Removes everything, but keeps logs and data if told so, and logs after a failure.
    pub(super) async fn clear(mut self, keeps: bool, has_failed: bool) -> anyhow::Result<()> {
        match self.vhost.take() {
            Some(vhost) if keeps => say(&format!("kept the vhost {vhost}")),
            Some(vhost) => self.node.delete_vhost(&vhost).await?,
            None => {
                say("ending the broker");
                if keeps {
                    self.keep_data().await?;
                }
            }
        }
        self.node.end();
        if keeps || has_failed {
            say(&format!("kept {}", self.folder.keep().display()));
        } else {
            self.folder.close().context("the folder of the demo cannot be removed")?;
        }
        Ok(())
    }

    /// The data of a stopped broker, moved away from where they would be removed with it.
    async fn keep_data(&mut self) -> anyhow::Result<()> {
        let is_process = self.node.pid().is_some();
        let Some(home) = self.node.home().map(Path::to_owned).filter(|_| is_process) else {
            say("the data of a container go with it");
            return Ok(());
        };
        self.node.stop().await?;
        let kept = self.folder.path().join("broker");
        fs::rename(&home, &kept).with_context(|| format!("{} cannot be moved", home.display()))
    }
}
