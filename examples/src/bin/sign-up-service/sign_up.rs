//! A sign-up: a user and an event, both or neither.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use fanfare_events::{Event, EventId, Payload, UserRegistered};
use fanfare_producer::outbox::EnqueueError;
use serde::Deserialize;

use crate::Service;
use crate::page;

/// The fields of the form.
#[derive(Debug, Deserialize)]
pub(crate) struct SignUp {
    first_name: String,
    email: String,
}

pub(crate) type Page = (StatusCode, Html<String>);

/// `POST /sign-up`
pub(crate) async fn sign_up(State(service): State<Service>, Form(form): Form<SignUp>) -> Page {
    let email = page::escaped(&form.email);
    match service.register(form).await {
        Ok(()) => answer(StatusCode::OK, &format!("Welcome! A mail is on its way to {email}.")),
        Err(Refused::Taken) => {
            answer(StatusCode::CONFLICT, &format!("{email} has signed up already."))
        }
        Err(Refused::Invalid(why)) => {
            answer(StatusCode::UNPROCESSABLE_ENTITY, &page::escaped(&why))
        }
        Err(Refused::Failed(error)) => {
            eprintln!("a sign-up failed: {error:#}");
            answer(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong. Please try again.")
        }
    }
}

enum Refused {
    Taken,
    Invalid(String),
    Failed(anyhow::Error),
}

impl Service {
    /// Writes the user and what is to be told of it in one transaction: after a crash there are
    /// both, or neither.
    async fn register(&self, form: SignUp) -> Result<(), Refused> {
        let user = UserRegistered {
            user_id: EventId::new_v7().to_string(),
            email: form.email,
            registered_at: time::OffsetDateTime::now_utc(),
            first_name: Some(form.first_name).filter(|name| !name.is_empty()),
            last_name: None,
            locale: None,
        };
        // Events with the same subject are published in the order of their commits.
        let event = Event::builder(UserRegistered::TYPE, "/sign-up")
            .subject(&user.user_id)
            .payload(&user)
            .build()
            .map_err(|error| Refused::Invalid(error.to_string()))?;

        let mut transaction = self.database.begin().await?;
        sqlx::query("INSERT INTO users (id, email, first_name) VALUES (?, ?, ?)")
            .bind(&user.user_id)
            .bind(&user.email)
            .bind(&user.first_name)
            .execute(&mut *transaction)
            .await?;
        self.outbox.enqueue(&mut transaction, &event).await?;
        transaction.commit().await?;
        Ok(())
    }
}

impl From<EnqueueError> for Refused {
    fn from(error: EnqueueError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(why) if why.is_unique_violation() => Self::Taken,
            _ => Self::Failed(error.into()),
        }
    }
}

fn answer(status: StatusCode, notice: &str) -> Page {
    (status, Html(page::form(notice)))
}
