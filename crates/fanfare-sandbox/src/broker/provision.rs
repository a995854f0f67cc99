//! The order in which a broker is looked for, and what is said about it.

use std::path::PathBuf;

use url::Url;

use super::container::OwnedContainer;
use super::control::Control;
use super::error::{LoginError, ProvisionError};
use super::management::Management;
use super::private::PrivateNode;
use super::{BrokerNode, ExtraConfig, Life, Wishes, installed, login};
use crate::system::{Package, PackageManager};

/// Erlang comes with it.
const RABBITMQ: Package = Package { debian: "rabbitmq-server", homebrew: "rabbitmq" };

/// Tries the four ways in order.
pub(super) async fn provision(wishes: &Wishes) -> Result<BrokerNode, ProvisionError> {
    if let Some(url) = &wishes.url {
        return given(url).await;
    }
    if let Some(image) = wishes.image() {
        return contained(image, "").await;
    }
    let docker = match OwnedContainer::launch(None, "").await {
        Ok(container) => return Ok(in_container(container)),
        Err(why) => why,
    };
    say(&format!("not through Docker ({docker})"));
    match private(ExtraConfig::default()).await {
        Err(ProvisionError::NoWay { process, package, .. }) => {
            Err(ProvisionError::NoWay { docker, process, package })
        }
        otherwise => otherwise,
    }
}

/// Starts a container from `image`. Whoever names one means that one, so nothing else is tried.
pub(super) async fn contained(
    image: &str,
    extra_config: &str,
) -> Result<BrokerNode, ProvisionError> {
    OwnedContainer::launch(Some(image), extra_config)
        .await
        .map(in_container)
        .map_err(|why| ProvisionError::Image { image: image.to_owned(), why })
}

/// Starts a process, after installing RabbitMQ if it is missing.
pub(super) async fn private(config: ExtraConfig<'_>) -> Result<BrokerNode, ProvisionError> {
    let scripts = scripts().await?;
    let node = PrivateNode::launch(&scripts, config).await?;
    say(&format!("a private rabbitmq-server process, {}", shown(&node.local().url())));
    Ok(BrokerNode {
        url: node.local().url(),
        control: Control::Local(node.local().clone()),
        life: Life::Process(Box::new(node)),
    })
}

/// The folder of `rabbitmq-server`, after installing RabbitMQ if it is missing.
pub(super) async fn scripts() -> Result<PathBuf, ProvisionError> {
    match installed::scripts().await {
        Some(scripts) => Ok(scripts),
        None => install().await,
    }
}

async fn given(url: &str) -> Result<BrokerNode, ProvisionError> {
    let url = Url::parse(url).map_err(|_| ProvisionError::Url)?;
    if !matches!(url.scheme(), "amqp" | "amqps") {
        return Err(ProvisionError::Url);
    }
    match login::log_in(&url).await {
        // Whether TLS works is for the program under test to find out.
        Ok(_) | Err(LoginError::Tls) => {}
        Err(source) => return Err(ProvisionError::Given { url: shown(&url), source }),
    }
    say(&format!("the one that was given, {}", shown(&url)));
    let control = Control::Management(Management::beside(&url));
    Ok(BrokerNode { url, control, life: Life::Elsewhere })
}

fn in_container(container: OwnedContainer) -> BrokerNode {
    say(&format!("RabbitMQ in a container through Docker, {}", shown(container.url())));
    BrokerNode {
        url: container.url().clone(),
        control: Control::Container(container.shell().clone()),
        life: Life::Container(container),
    }
}

async fn install() -> Result<PathBuf, ProvisionError> {
    let no_way = |package: String| ProvisionError::NoWay {
        docker: "not tried".to_owned(),
        process: "RabbitMQ is not installed".to_owned(),
        package,
    };
    let provided = PackageManager::provide("broker: RabbitMQ is", &RABBITMQ).await;
    let says = provided.map_err(&no_way)?;
    let scripts = installed::scripts().await;
    scripts.ok_or_else(|| no_way(format!("{says} brought no rabbitmq-server")))
}

fn say(what: &str) {
    eprintln!("broker: {what}");
}

/// A URL that may be printed.
fn shown(url: &Url) -> String {
    format!(
        "{}://{}:{}{}",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        url.port().unwrap_or(5672),
        url.path()
    )
}
