//! The engine, whole, delivering to the same sink as the baseline.

use fanfare_delivery::http::HttpClient;
use fanfare_delivery::{Attempt, Consumer, Destination, Outcome};
use fanfare_process::settings::{Environment, Reader, Variable};
use fanfare_process::{Exit, Program, catalogue, shutdown};

const SINK_URL: Variable =
    Variable::required("BENCH_SINK_URL", "http://127.0.0.1:8080/", "Where events are posted.");

const PROGRAM: Program = Program {
    name: "bench-engine",
    about: "Delivers events to the sink of the benchmark.",
    variables: &[catalogue::broker::GROUP, catalogue::process::GROUP, catalogue::consumer::GROUP],
};

#[derive(Debug)]
struct Sink {
    url: url::Url,
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
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let consumer = Consumer::from_environment(
        &PROGRAM,
        "bench",
        std::env::args().skip(1),
        &Environment,
        |reader: &mut Reader<'_>| reader.required::<url::Url>(&SINK_URL),
        |url, http| Sink { url, http },
    );
    let consumer = match consumer {
        Ok(consumer) => consumer,
        Err(exit) => return exit,
    };
    shutdown::until_signalled(|stop| consumer.run(stop)).await
}
