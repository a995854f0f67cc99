//! The few things that are asked of a Docker engine, each within a stated time.

use std::time::Duration;

use futures_util::TryStreamExt;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::exec::{CreateExecOptions, StartExecResults};
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, TestcontainersError};
use tokio::time::timeout;

/// A local engine answers in milliseconds; one that does not is of no use to a test.
const PROBE_SECONDS: u64 = 3;

/// The default image is about 110 MB.
const PULL_SECONDS: u64 = 180;

/// A client of the engine that Docker's own settings name, or testcontainers'.
pub(super) async fn client() -> Result<Docker, TestcontainersError> {
    docker_client_instance().await.map_err(TestcontainersError::from)
}

/// Makes sure that an engine answers, or says why not.
pub(crate) async fn answers() -> Result<(), String> {
    let probe = async { client().await?.ping().await.map_err(TestcontainersError::other) };
    match timeout(Duration::from_secs(PROBE_SECONDS), probe).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err("no engine answers".to_owned()),
        Err(_) => Err(format!("the engine is silent for {PROBE_SECONDS} s")),
    }
}

/// Makes sure that an engine answers and has the image, or says why not.
pub(super) async fn ready_for(name: &str, tag: &str) -> Result<(), String> {
    answers().await?;
    let image = format!("{name}:{tag}");
    let has =
        async { client().await?.inspect_image(&image).await.map_err(TestcontainersError::other) };
    if let Ok(Ok(_)) = timeout(Duration::from_secs(PROBE_SECONDS), has).await {
        return Ok(());
    }
    eprintln!("broker: Docker has no image {image}, pulling it (at most {PULL_SECONDS} s)");
    let pull = GenericImage::new(name, tag).pull_image();
    match timeout(Duration::from_secs(PULL_SECONDS), pull).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("the image {image} cannot be pulled: {error}")),
        Err(_) => Err(format!("the image {image} was not pulled within {PULL_SECONDS} s")),
    }
}

/// Runs a command in a container: whether it succeeded, and what it printed.
pub(super) async fn exec(
    docker: &Docker,
    container: &str,
    command: &[&str],
) -> Result<(bool, String), DockerError> {
    let options = CreateExecOptions {
        cmd: Some(command.to_vec()),
        // Where the image's node has its Erlang cookie, whoever runs the command.
        env: Some(vec!["HOME=/var/lib/rabbitmq"]),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..CreateExecOptions::default()
    };
    let exec = docker.create_exec(container, options).await?.id;
    let mut printed = Vec::new();
    if let StartExecResults::Attached { mut output, .. } = docker.start_exec(&exec, None).await? {
        while let Some(chunk) = output.try_next().await? {
            printed.extend(chunk.into_bytes());
        }
    }
    let code = docker.inspect_exec(&exec).await?.exit_code;
    Ok((code == Some(0), String::from_utf8_lossy(&printed).trim().to_owned()))
}
