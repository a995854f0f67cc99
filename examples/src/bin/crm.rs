//! A destination of one's own: tells a CRM of every registration.

use fanfare_delivery::http::{HttpClient, read_credentials};
use fanfare_delivery::{Attempt, Consumer, Destination, Outcome};
use fanfare_events::UserRegistered;
use fanfare_process::settings::{Environment, Reader, Variable};
use fanfare_process::{Exit, Program, catalogue, settings, shutdown};

const CRM_URL: Variable =
    Variable::required("CRM_URL", "http://127.0.0.1:9000/contacts", "Where contacts are posted.");

const PROGRAM: Program = Program {
    name: "crm",
    about: "Delivers registrations to the CRM.",
    variables: &[
        catalogue::broker::GROUP,
        catalogue::process::GROUP,
        catalogue::consumer::GROUP,
        catalogue::credentials::GROUP,
        settings::Group { title: "CRM", variables: &[CRM_URL] },
    ],
};

struct Crm {
    url: url::Url,
    http: HttpClient,
}

impl Destination for Crm {
    fn handles(&self, event_type: &str) -> bool {
        event_type == "user.registered"
    }

    async fn deliver(&self, attempt: &Attempt) -> Outcome {
        // What does not fit will never fit: a dead letter that names the member.
        let user: UserRegistered = match attempt.event().payload() {
            Ok(user) => user,
            Err(error) => return Outcome::rejected(error.to_string()),
        };
        let request = self
            .http
            .post(self.url.clone())
            // The same in every attempt: the CRM can tell a repetition.
            .header("idempotency-key", attempt.key().to_string())
            .body(format!("email={}", user.email));
        // One call. What its answer means is the engine's table, unless you know better.
        self.http.call(request).await.into()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let consumer = match Consumer::from_environment(
        &PROGRAM,
        "crm", // the destination's name, and so of its queue
        std::env::args().skip(1),
        &Environment,
        |reader: &mut Reader<'_>| {
            // Both are read before either is missed, so that every problem is reported.
            let (url, credentials) = (reader.required(&CRM_URL), read_credentials(reader, None));
            Some((url?, credentials?))
        },
        |(url, credentials), http| Crm { url, http: http.with_credentials(credentials) },
    ) {
        Ok(consumer) => consumer,
        Err(exit) => return exit,
    };
    shutdown::until_signalled(|stop| consumer.run(stop)).await
}
