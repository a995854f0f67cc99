//! Secrets in files are replaced while calls are made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use fanfare_delivery::http::{Credentials, HttpClient};
use fanfare_process::settings::Secret;
use tempfile::TempDir;

use crate::api::{Api, client};

/// A file with a token, an API that wants one, and a client that has the file's.
struct Story {
    folder: TempDir,
    wanted: Arc<Mutex<String>>,
    on_refusal: Arc<Mutex<Option<&'static str>>>,
    api: Api,
    http: HttpClient,
}

impl Story {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        replace(&file, "old\n");
        let secret = Secret::in_file(&file).unwrap();
        let http = client().with_credentials(Credentials::bearer(secret).unwrap());

        let wanted = Arc::new(Mutex::new("Bearer old".to_owned()));
        let on_refusal = Arc::new(Mutex::new(None));
        let (wants, content) = (Arc::clone(&wanted), Arc::clone(&on_refusal));
        let api = Api::start(move |call| {
            if call.header("authorization") == Some(wants.lock().unwrap().as_str()) {
                return StatusCode::OK;
            }
            if let Some(content) = content.lock().unwrap().take() {
                replace(&file, content);
            }
            StatusCode::UNAUTHORIZED
        })
        .await;
        Self { folder, wanted, on_refusal, api, http }
    }

    fn file_holds(&self, token: &str) {
        replace(&file_in(&self.folder), token);
    }

    /// Replaced while the first refusal is on its way, so that the file cannot have been
    /// looked at before.
    fn file_holds_after_a_refusal(&self, token: &'static str) {
        *self.on_refusal.lock().unwrap() = Some(token);
    }

    fn api_wants(&self, token: &str) {
        *self.wanted.lock().unwrap() = format!("Bearer {token}");
    }

    async fn call(&self) -> u16 {
        let request = self.http.post(&self.api.url).body("event");
        self.http.call(request).await.unwrap().status.as_u16()
    }
}

fn file_in(folder: &TempDir) -> PathBuf {
    folder.path().join("token")
}

/// In one step, as whoever manages secrets does it.
fn replace(file: &Path, content: &str) {
    let new = file.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, file).unwrap();
}

#[tokio::test]
async fn a_new_token_costs_no_attempt() {
    let story = Arc::new(Story::new().await);
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let story = Arc::clone(&story);
            tokio::spawn(async move {
                for _ in 0..50 {
                    assert_eq!(story.call().await, 200);
                }
            })
        })
        .collect();
    let enough = async {
        while story.api.calls().len() < 100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), enough).await.expect("a hundred calls");
    story.file_holds("new");
    story.api_wants("new");
    for caller in callers {
        caller.await.unwrap();
    }
    let last = story.api.calls().pop().unwrap();
    assert_eq!((last.header("authorization"), last.body.as_str()), (Some("Bearer new"), "event"));
}

#[tokio::test]
async fn a_refused_token_is_looked_up_again_and_the_call_repeated_once() {
    let story = Story::new().await;
    story.file_holds_after_a_refusal("new");
    story.api_wants("new");
    assert_eq!(story.call().await, 200);
    assert_eq!(story.call().await, 200);
    let shown: Vec<_> = story.api.calls();
    let shown: Vec<_> = shown.iter().map(|call| call.header("authorization").unwrap()).collect();
    assert_eq!(shown, ["Bearer old", "Bearer new", "Bearer new"]);
    assert!(story.api.calls().iter().all(|call| call.body == "event"));
}

#[tokio::test]
async fn a_second_refusal_is_the_answer() {
    let story = Story::new().await;
    story.file_holds_after_a_refusal("new");
    story.api_wants("another");
    assert_eq!(story.call().await, 401);
    assert_eq!(story.api.calls().len(), 2);
    assert_eq!(story.call().await, 401);
    assert_eq!(story.api.calls().len(), 3, "the file holds nothing else, so nothing is repeated");
}

#[tokio::test]
async fn the_last_good_token_is_used_while_the_file_has_none() {
    let story = Story::new().await;
    for content in ["", "\n", " new", "n\u{7}w"] {
        story.file_holds(content);
        story.api_wants("new");
        assert_eq!(story.call().await, 401, "{content:?}");
        story.api_wants("old");
        assert_eq!(story.call().await, 200, "{content:?}");
    }
    fs::remove_file(file_in(&story.folder)).unwrap();
    assert_eq!(story.call().await, 200);
    story.file_holds("new");
    story.api_wants("new");
    assert_eq!(story.call().await, 200);
}
