//! The engine, whole, delivering to the same sink as the baseline.

use std::num::NonZeroUsize;
use std::time::Duration;

use fanfare_delivery::http::HttpClient;
use fanfare_delivery::{Attempt, Batched, Batching, Consumer, Destination, Outcome};
use fanfare_process::settings::{Environment, Reader, Variable};
use fanfare_process::{Exit, Program, catalogue, shutdown};

const SINK_URL: Variable =
    Variable::required("BENCH_SINK_URL", "http://127.0.0.1:8080/", "Where events are posted.");

const BATCH: Variable =
    Variable::optional("BENCH_BATCH", "one event", "100", "Events in one call.");
const BATCH_WAIT: Duration = Duration::from_millis(50);

const PROGRAM: Program = Program {
    name: "bench-engine",
    about: "Delivers events to the sink of the benchmark.",
    variables: &[catalogue::broker::GROUP, catalogue::process::GROUP, catalogue::consumer::GROUP],
};

#[derive(Debug)]
struct Sink {
    url: url::Url,
    batch: Option<NonZeroUsize>,
    http: HttpClient,
}

impl Destination for Sink {
    fn handles(&self, _event_type: &str) -> bool {
        true
    }

    async fn deliver(&self, attempt: &Attempt) -> Outcome {
        let request = self
            .http
            .post(self.url.clone())
            .header("idempotency-key", attempt.key().to_string())
            .body(attempt.event().to_json());
        self.http.call(request).await.into()
    }

    fn batching(&self) -> Option<Batching> {
        self.batch.map(|most| Batching { most, wait: BATCH_WAIT })
    }

    async fn deliver_batch(&self, attempts: &[Attempt]) -> Batched {
        let mut body = vec![b'['];
        for attempt in attempts {
            if body.len() > 1 {
                body.push(b',');
            }
            body.extend_from_slice(&attempt.event().to_json());
        }
        body.push(b']');
        let request = self
            .http
            .post(self.url.clone())
            .header("content-type", "application/cloudevents-batch+json")
            .body(body);
        Batched::All(self.http.call(request).await.into())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let consumer = Consumer::from_environment(
        &PROGRAM,
        "bench",
        std::env::args().skip(1),
        &Environment,
        |reader: &mut Reader<'_>| {
            let url = reader.required::<url::Url>(&SINK_URL);
            let batch = reader.optional::<NonZeroUsize>(&BATCH);
            Some((url?, batch?))
        },
        |(url, batch), http| Sink { url, batch, http },
    );
    let consumer = match consumer {
        Ok(consumer) => consumer,
        Err(exit) => return exit,
    };
    shutdown::until_signalled(|stop| consumer.run(stop)).await
}
