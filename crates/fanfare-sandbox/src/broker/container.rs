//! RabbitMQ in a container, started through testcontainers.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::models::PortBinding;
use testcontainers::bollard::query_parameters::StopContainerOptionsBuilder;
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};
use tokio::time::{Instant, sleep};
use url::Url;

use super::engine;
use super::error::NodeError;
use super::home::{Description, Place};
use super::login;
use crate::system::{Keeper, free_ports};

const DEFAULT_IMAGE: &str = "rabbitmq:4-management";
const START_SECONDS: u64 = 90;

/// As for a process: RabbitMQ closes its queues and waits for its clients when asked to stop.
const STOP_SECONDS: i32 = 60;

/// Read by RabbitMQ's own image and by Debian's package, after what they bring.
const EXTRA_CONFIG: &str = "/etc/rabbitmq/conf.d/90-fanfare.conf";

const POLL: Duration = Duration::from_millis(100);

/// A container that this process started; dropping it removes the container.
#[derive(Debug)]
pub(super) struct OwnedContainer {
    shell: ContainerShell,
    url: Url,
    home: PathBuf,
    _keeper: Keeper,
}

/// A container as a place to run commands in.
#[derive(Clone, Debug)]
pub(super) struct ContainerShell {
    name: String,
}

impl OwnedContainer {
    /// Starts RabbitMQ from `image` and waits for a login, or says why not.
    pub(super) async fn launch(image: Option<&str>, extra_config: &str) -> Result<Self, String> {
        let image = image.unwrap_or(DEFAULT_IMAGE);
        let (name, tag) = name_and_tag(image);
        engine::ready_for(name, tag).await?;
        let failed = |error: io::Error| error.to_string();
        let home = tempfile::Builder::new().prefix("fanfare-broker-").tempdir().map_err(failed)?;
        let mut keeper = Keeper::of_folder(home.path()).map_err(failed)?;
        let home = home.keep();

        let [port] = free_ports().map_err(failed)?;
        let shell = ContainerShell::new(format!("fanfare-broker-{port}"));
        // Told before the container exists: whatever happens next, it will be removed.
        keeper.watch_container(&shell.name).map_err(failed)?;
        let urls = run(name, tag, &shell.name, port, extra_config).await?;
        let url = first_login(&urls).await.map_err(|error| chain(&error))?;
        let place = Place::Container { name: shell.name.clone() };
        Description { url: url.clone(), place }.write(&home).map_err(failed)?;
        Ok(Self { shell, url, home, _keeper: keeper })
    }

    pub(super) fn shell(&self) -> &ContainerShell {
        &self.shell
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) async fn stop(&self) -> Result<(), NodeError> {
        self.ask("stop the container", async |docker, name| {
            let patience = StopContainerOptionsBuilder::new().t(STOP_SECONDS).build();
            docker.stop_container(name, Some(patience)).await
        })
        .await
    }

    pub(super) async fn kill(&self) -> Result<(), NodeError> {
        self.ask("kill the container", async |docker, name| docker.kill_container(name, None).await)
            .await
    }

    pub(super) async fn start(&self) -> Result<(), NodeError> {
        self.ask("start the container", async |docker, name| {
            docker.start_container(name, None).await
        })
        .await?;
        first_login(std::slice::from_ref(&self.url)).await.map(drop)
    }

    async fn ask<A>(&self, operation: &'static str, request: A) -> Result<(), NodeError>
    where
        A: AsyncFnOnce(&Docker, &str) -> Result<(), DockerError>,
    {
        let docker = client(operation).await?;
        request(&docker, &self.shell.name)
            .await
            .map_err(|source| NodeError::Engine { operation, source })
    }
}

impl ContainerShell {
    pub(super) fn new(name: String) -> Self {
        Self { name }
    }

    /// Runs a command in the container and returns what it printed.
    pub(super) async fn run(
        &self,
        operation: String,
        command: &[&str],
    ) -> Result<String, NodeError> {
        let docker = client("run a command in the container").await?;
        let (succeeded, answer) =
            engine::exec(&docker, &self.name, command).await.map_err(|source| {
                NodeError::Engine { operation: "run a command in the container", source }
            })?;
        if succeeded { Ok(answer) } else { Err(NodeError::Refused { operation, answer }) }
    }
}

async fn client(operation: &'static str) -> Result<Docker, NodeError> {
    engine::client().await.map_err(|error| NodeError::System {
        operation: operation.to_owned(),
        source: io::Error::other(error),
    })
}

/// Creates and starts the container; returns the URLs under which it may be reached.
async fn run(
    image: &str,
    tag: &str,
    name: &str,
    port: u16,
    extra_config: &str,
) -> Result<Vec<Url>, String> {
    // Everybody knows guest's password: the port is for this machine only. From inside a
    // container, "this machine" is another one, and its loopback is out of reach.
    let inside = Path::new("/.dockerenv").exists();
    let host_ip = (!inside).then_some("127.0.0.1");
    let container = GenericImage::new(image, tag)
        .with_container_name(name)
        // The same across stop and start, or the node would not find its data again.
        .with_env_var("RABBITMQ_NODENAME", "rabbit@localhost")
        // A chosen port stays the same across stop and start, one picked by Docker does not.
        .with_mapped_port(port, 5672.tcp())
        .with_copy_to(EXTRA_CONFIG, extra_config.as_bytes().to_vec())
        .with_host_config_modifier(move |config| {
            let host_ip = host_ip.map(str::to_owned);
            let binding = PortBinding { host_ip, host_port: Some(port.to_string()) };
            config.port_bindings =
                Some(HashMap::from([("5672/tcp".to_owned(), Some(vec![binding]))]));
        })
        .start()
        .await
        .map_err(|error| format!("the container does not start: {error}"))?;
    let host = container.get_host().await.map_err(|error| error.to_string())?;
    // The keeper removes the container, also when this process cannot. Dropping the handle would
    // do it as well, but needs the runtime on which it was made, and tests have one each.
    std::mem::forget(container);
    ["127.0.0.1".to_owned(), host.to_string()]
        .iter()
        .map(|host| Url::parse(&format!("amqp://guest:guest@{host}:{port}/%2f")))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

/// Waits until the broker lets somebody in; returns the first URL where it does.
async fn first_login(urls: &[Url]) -> Result<Url, NodeError> {
    let deadline = Instant::now() + Duration::from_secs(START_SECONDS);
    loop {
        for url in urls {
            match login::log_in(url).await {
                Ok(_) => return Ok(first_of_those_that_work(urls, url).await.clone()),
                Err(source) if Instant::now() > deadline => {
                    return Err(NodeError::NoLogin { seconds: START_SECONDS, source });
                }
                Err(_) => sleep(POLL).await,
            }
        }
    }
}

/// The broker may have come up between two questions: loopback stands first and is
/// preferred, because programs refuse to send a password in the clear to anywhere else.
async fn first_of_those_that_work<'a>(urls: &'a [Url], works: &'a Url) -> &'a Url {
    for url in urls.iter().take_while(|&url| url != works) {
        if login::log_in(url).await.is_ok() {
            return url;
        }
    }
    works
}

/// An error with its causes, for a sentence.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// `rabbitmq:4-management` in its two parts; a colon before a slash belongs to a registry.
fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_split_at_its_tag_only() {
        assert_eq!(name_and_tag("rabbitmq:4-management"), ("rabbitmq", "4-management"));
        assert_eq!(name_and_tag("rabbitmq"), ("rabbitmq", "latest"));
        assert_eq!(name_and_tag("local:5000/rabbitmq"), ("local:5000/rabbitmq", "latest"));
        assert_eq!(name_and_tag("local:5000/rabbitmq:4"), ("local:5000/rabbitmq", "4"));
    }
}
