//! What can go wrong between wanting a broker and having one.

use std::io;
use std::path::PathBuf;

use testcontainers::bollard;

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The URL that was given is not an AMQP URL.
    #[error("the broker URL that was given is not an amqp:// or amqps:// URL")]
    Url,
    /// The broker that was asked for cannot be used.
    #[error("the broker that was given, {url}, accepts no login")]
    Given {
        /// Its URL without credentials.
        url: String,
        /// What happened on the way in.
        source: LoginError,
    },
    /// The image that was asked for cannot be had or does not start.
    #[error(
        "there is no RabbitMQ from the image {image}, which FANFARE_RABBITMQ_IMAGE names: {why}"
    )]
    Image {
        /// The image.
        image: String,
        /// What Docker, or the broker in it, said.
        why: String,
    },
    /// The node that another process shares cannot be joined.
    #[error("the shared broker cannot be joined")]
    Shared(#[from] AttachError),
    /// RabbitMQ is installed but does not start.
    #[error("the installed rabbitmq-server does not start")]
    Start(#[from] StartError),
    /// None of the four ways leads to a broker.
    #[error(
        "no broker could be had in any of four ways: \
         (1) FANFARE_TEST_AMQP_URL or FANFARE_AMQP_URL: not set; \
         (2) Docker: {docker}; \
         (3) a rabbitmq-server process: {process}; \
         (4) the system's package manager: {package}"
    )]
    NoWay {
        /// Why not through Docker.
        docker: String,
        /// Why not as a process.
        process: String,
        /// Why not installed.
        package: String,
    },
}

/// Why a private node did not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file, port or process that the node needs could not be had.
    #[error("{what} failed")]
    System {
        /// What was attempted.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The process ended before it accepted a login.
    #[error("rabbitmq-server ended while starting; the end of its output:\n{output}")]
    Ended {
        /// The last lines that it printed.
        output: String,
    },
    /// It runs, but does not accept a login in time.
    #[error("rabbitmq-server accepts no login after {seconds} s; the end of its output:\n{output}")]
    Deadline {
        /// How long was waited.
        seconds: u64,
        /// The last lines that it printed.
        output: String,
        /// What happened at the last login.
        source: LoginError,
    },
}

/// Why a node of another process cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The folder does not describe a node.
    #[error("{} does not describe a broker", home.display())]
    NoDescription {
        /// The folder.
        home: PathBuf,
        /// What reading it said.
        source: io::Error,
    },
    /// The folder describes a node that is not there any more.
    #[error("the broker described in {} accepts no login", home.display())]
    NoAnswer {
        /// The folder.
        home: PathBuf,
        /// What happened at the login.
        source: LoginError,
    },
}

/// Why an operation on a node was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// This kind of broker cannot do it.
    #[error("cannot {operation}: this is {broker}")]
    Impossible {
        /// What was asked.
        operation: &'static str,
        /// What kind of broker it is.
        broker: &'static str,
    },
    /// The broker said no.
    #[error("the broker did not {operation}: {answer}")]
    Refused {
        /// What was asked.
        operation: String,
        /// What it answered.
        answer: String,
    },
    /// The way to the broker failed.
    #[error("{operation} could not be asked of the broker")]
    System {
        /// What was asked.
        operation: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Docker refused.
    #[error("Docker did not {operation}")]
    Engine {
        /// What was asked.
        operation: &'static str,
        /// Docker's answer.
        source: bollard::errors::Error,
    },
    /// Something did not happen in time.
    #[error("{awaited} did not happen within {seconds} s")]
    Deadline {
        /// What was awaited.
        awaited: &'static str,
        /// How long.
        seconds: u64,
    },
    /// The broker runs, but lets nobody in.
    #[error("the broker accepts no login after {seconds} s")]
    NoLogin {
        /// How long was waited.
        seconds: u64,
        /// What happened at the last login.
        source: LoginError,
    },
    /// The node did not come up again.
    #[error("the broker does not start again")]
    Start(#[from] StartError),
}

/// Why an AMQP login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Nobody listens, or the connection broke.
    #[error("no AMQP conversation with {address}")]
    Connection {
        /// Host and port.
        address: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The answers stopped.
    #[error("{address} did not answer within {seconds} s")]
    Silence {
        /// Host and port.
        address: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The broker closed the connection with a reason.
    #[error("the broker refused the login: {code} {text}")]
    Refused {
        /// AMQP reply code.
        code: u16,
        /// AMQP reply text.
        text: String,
    },
    /// What answered does not speak AMQP 0-9-1.
    #[error("what answers does not speak AMQP 0-9-1")]
    NotAmqp,
    /// TLS is left to the program under test.
    #[error("a login over TLS is not tried here")]
    Tls,
}
