//! Bringing about what a [`Topology`] says. Declaring twice changes nothing.

use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, ExchangeUnbindOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};

use super::plan::{
    Argument, Binding, Exchange, ExchangeKind, Queue, SINGLE_ACTIVE_CONSUMER, Topology,
};
use crate::config::BrokerConfig;
use crate::dial::{Dialer, close, close_channel};
use crate::fault::Fault;

/// Why a topology could not be declared.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// No node of the broker answered.
    #[error("the broker cannot be reached")]
    Unreachable(#[source] Fault),
    /// One object could not be declared; those before it stand.
    #[error("{object} cannot be declared")]
    Object {
        /// The object, such as `queue fanfare.hubspot`.
        object: String,
        /// What the broker said.
        #[source]
        source: Fault,
    },
    /// The destination's queue stands with the other answer to whether it is ordered.
    #[error("queue {queue} stands {}, which cannot be changed; {}", how_it_stands(*ordered), how_to_change_order(queue))]
    Ordered {
        /// The queue.
        queue: String,
        /// Whether an ordered one was to be declared.
        ordered: bool,
        /// What the broker said.
        #[source]
        source: Fault,
    },
}

fn how_it_stands(wanted_ordered: bool) -> &'static str {
    if wanted_ordered { "unordered" } else { "ordered" }
}

/// What an operator does about a queue that stands with the other answer to whether its
/// events are ordered.
pub fn how_to_change_order(queue: &str) -> String {
    format!(
        "instead stop the producers, let the consumers empty it and its delay line (`fanfare status` \
         shows 0 ready, in flight and retrying), stop the consumers, delete it \
         (`rabbitmqctl delete_queue {queue}`), declare it anew (`fanfare topology apply`, with \
         --ordered or without), and start them again"
    )
}

/// Declares everything in `topology`, in its order.
///
/// # Errors
///
/// An object that exists with other arguments is never changed or deleted: the
/// broker's refusal names the argument.
pub async fn declare(config: &BrokerConfig, topology: &Topology) -> Result<(), DeclareError> {
    let connection = Dialer::new(config, "fanfare topology")
        .connect_once()
        .await
        .map_err(DeclareError::Unreachable)?;
    let declared = declare_on(&connection, topology).await;
    close(&connection).await;
    declared
}

async fn declare_on(connection: &Connection, topology: &Topology) -> Result<(), DeclareError> {
    let channel = connection
        .create_channel()
        .await
        .map_err(|error| DeclareError::Unreachable(error.into()))?;
    let declared = declare_through(&channel, topology).await;
    close_channel(channel).await;
    declared?;
    // Last, so that for a moment two ways are open rather than none.
    for binding in &topology.outdated {
        unbind(connection, binding).await.map_err(named(binding.to_string()))?;
    }
    Ok(())
}

async fn declare_through(channel: &Channel, topology: &Topology) -> Result<(), DeclareError> {
    for exchange in &topology.exchanges {
        declare_exchange(channel, exchange, false)
            .await
            .map_err(named(format!("exchange {}", exchange.name)))?;
    }
    for queue in &topology.queues {
        declare_queue(channel, queue, false).await.map_err(|fault| refused(queue, fault))?;
    }
    for binding in &topology.bindings {
        bind(channel, binding).await.map_err(named(binding.to_string()))?;
    }
    Ok(())
}

fn refused(queue: &Queue, source: Fault) -> DeclareError {
    if source.is_precondition_failed() && source.to_string().contains(SINGLE_ACTIVE_CONSUMER) {
        let ordered = queue.arguments.iter().any(|(name, _)| *name == SINGLE_ACTIVE_CONSUMER);
        return DeclareError::Ordered { queue: queue.name.clone(), ordered, source };
    }
    DeclareError::Object { object: format!("queue {}", queue.name), source }
}

fn named(object: String) -> impl FnOnce(Fault) -> DeclareError {
    move |source| DeclareError::Object { object, source }
}

pub(super) async fn declare_exchange(
    channel: &Channel,
    exchange: &Exchange,
    passive: bool,
) -> Result<(), Fault> {
    let kind = match exchange.kind {
        ExchangeKind::Fanout => lapin::ExchangeKind::Fanout,
        ExchangeKind::Topic => lapin::ExchangeKind::Topic,
        ExchangeKind::Direct => lapin::ExchangeKind::Direct,
    };
    let options = ExchangeDeclareOptions {
        passive,
        durable: true,
        internal: exchange.internal,
        ..ExchangeDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    if let Some(alternate) = &exchange.alternate {
        arguments.insert("alternate-exchange".into(), text(alternate));
    }
    Ok(channel.exchange_declare(exchange.name.as_str().into(), kind, options, arguments).await?)
}

pub(super) async fn declare_queue(
    channel: &Channel,
    queue: &Queue,
    passive: bool,
) -> Result<(), Fault> {
    let options = QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    for (name, value) in &queue.arguments {
        let value = match value {
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
            Argument::Text(value) => text(value),
            Argument::Flag(flag) => AMQPValue::Boolean(*flag),
        };
        arguments.insert((*name).into(), value);
    }
    channel.queue_declare(queue.name.as_str().into(), options, arguments).await?;
    Ok(())
}

async fn bind(channel: &Channel, binding: &Binding) -> Result<(), Fault> {
    let (target, source) = (binding.target.as_str().into(), binding.source.as_str().into());
    let key = binding.key.as_str().into();
    let none = FieldTable::default();
    let bound = if binding.to_queue {
        channel.queue_bind(target, source, key, QueueBindOptions::default(), none).await
    } else {
        channel.exchange_bind(target, source, key, ExchangeBindOptions::default(), none).await
    };
    Ok(bound?)
}

/// Removes a binding if it is there. On a channel of its own: on some versions a
/// missing object closes it, and nothing is left to do then.
async fn unbind(connection: &Connection, binding: &Binding) -> Result<(), Fault> {
    let channel = connection.create_channel().await?;
    let (target, source) = (binding.target.as_str().into(), binding.source.as_str().into());
    let key = binding.key.as_str().into();
    let none = FieldTable::default();
    let unbound = if binding.to_queue {
        channel.queue_unbind(target, source, key, none).await
    } else {
        channel.exchange_unbind(target, source, key, ExchangeUnbindOptions::default(), none).await
    };
    close_channel(channel).await;
    match unbound.map_err(Fault::from) {
        Err(fault) if !fault.is_not_found() => Err(fault),
        _ => Ok(()),
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
