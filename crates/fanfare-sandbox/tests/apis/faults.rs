//! Faults on demand: what a client sees, and what took effect.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use fanfare_sandbox::mock::{Control, Fault, MockApi, Moment, Rule};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{DEADLINE, MAIL_SEND, UPSERT, batch, call, contact, mail, post};

/// Sends one mail and reads until the connection ends.
async fn raw_mail(mock: &MockApi, key: &str) -> std::io::Result<String> {
    let body = mail(key).to_string();
    let mut stream = TcpStream::connect(mock.address()).await?;
    let head = format!(
        "POST {MAIL_SEND} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer any\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_script_is_used_up_entry_by_entry() {
    let mock = MockApi::sendgrid().await.unwrap();
    let script = [Fault::status(503), Fault::status(503), Fault::status(200), Fault::status(500)];
    mock.control(Control::script(script)).unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(post(mock.base_url() + MAIL_SEND, mail("k")).await.status.as_u16());
    }
    assert_eq!(seen, [503, 503, 202, 500, 202]);
    assert_eq!(mock.tally("k").effects, 2);
    assert_eq!(mock.faults_injected(), 3);
    let logged: Vec<_> = mock.log().iter().map(|request| request.fault).collect();
    assert_eq!(logged, [Some("status"), Some("status"), None, Some("status"), None]);
}

#[tokio::test]
async fn retry_after_comes_in_every_form_and_fits_the_answers_own_date() {
    let mock = MockApi::hubspot().await.unwrap();
    let url = mock.base_url() + UPSERT;
    for form in ["imf", "rfc850", "asctime"] {
        for skew in [0, -3600, 86_400] {
            let fault = Fault::status(429).retry_after(format!("{form}:+3s"));
            let control = Control { date_skew_s: skew, ..Control::all(fault) };
            mock.control(control).unwrap();
            let answer = post(&url, batch(&[contact("k", "ada@example.com")])).await;
            let until = httpdate::parse_http_date(answer.header("retry-after")).unwrap();
            let date = httpdate::parse_http_date(answer.header("date")).unwrap();
            assert_eq!(until.duration_since(date).unwrap(), Duration::from_secs(3), "{form}");
        }
    }
    for verbatim in ["3", "1.5", "-1", "soon"] {
        mock.control(Control::all(Fault::status(429).retry_after(verbatim))).unwrap();
        let answer = post(&url, batch(&[contact("k", "ada@example.com")])).await;
        assert_eq!(answer.header("retry-after"), verbatim);
    }
}

#[tokio::test]
async fn a_reset_is_a_tcp_reset_and_only_the_late_one_takes_effect() {
    let mock = MockApi::sendgrid().await.unwrap();
    let script = [Fault::reset(Moment::BeforeRead), Fault::reset(Moment::AfterRead)];
    mock.control(Control::script(script)).unwrap();
    for (key, effects) in [("before", 0), ("after", 1)] {
        let error = raw_mail(&mock, key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(mock.tally(key).effects, effects, "{key}");
    }
    assert!(mock.log().iter().all(|request| request.status.is_none()));
}

#[tokio::test]
async fn a_hang_holds_the_connection_until_the_mock_is_healed() {
    for (moment, effects) in [(Moment::BeforeRead, 0), (Moment::AfterRead, 1)] {
        let mock = MockApi::sendgrid().await.unwrap();
        mock.control(Control::all(Fault::hang(moment))).unwrap();
        let request = raw_mail(&mock, "k");
        tokio::pin!(request);
        let hangs = mock.wait_until("the request to hang", DEADLINE, |mock| {
            mock.log()
                .first()
                .is_some_and(|first| first.fault.is_some() && first.accepted == effects)
        });
        tokio::select! {
            answer = &mut request => panic!("answered {answer:?} in place of hanging"),
            hung = hangs => hung.unwrap(),
        }
        assert_eq!(mock.log()[0].ended_ms, None);
        mock.heal();
        assert_eq!(request.await.unwrap(), "", "closed without an answer");
        assert_eq!(mock.tally("k").effects, effects);
    }
}

#[tokio::test]
async fn a_client_that_gives_up_ends_the_request() {
    let mock = MockApi::sendgrid().await.unwrap();
    mock.control(Control::all(Fault::hang(Moment::AfterRead))).unwrap();
    let hangs = mock.wait_until("the request to hang", DEADLINE, |mock| mock.totals().accepted > 0);
    tokio::select! {
        answer = raw_mail(&mock, "k") => panic!("answered {answer:?} in place of hanging"),
        hung = hangs => hung.unwrap(),
    }
    let ended = |mock: &MockApi| mock.log()[0].ended_ms.is_some();
    mock.wait_until("the request to end with its client", DEADLINE, ended).await.unwrap();
}

#[tokio::test]
async fn a_truncated_answer_ends_in_its_middle_after_taking_effect() {
    let mock = MockApi::hubspot().await.unwrap();
    mock.control(Control::all(Fault::truncate())).unwrap();
    let url = mock.base_url() + UPSERT;
    let error = call(Method::POST, &url, batch(&[contact("k", "ada@example.com")])).await;
    assert!(error.unwrap_err().is_decode(), "the head came, the body did not");
    assert_eq!(mock.tally("k").effects, 1);

    let mock = MockApi::sendgrid().await.unwrap();
    mock.control(Control::all(Fault::truncate())).unwrap();
    let answer = raw_mail(&mock, "k").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
    assert!(answer.contains("content-length: 64\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn an_answer_can_be_as_long_as_asked_for_and_lead_elsewhere() {
    let mock = MockApi::sink().await.unwrap();
    let fault = Fault::status(302).header("location", "http://192.0.2.1/").body_bytes(5_000_000);
    mock.control(Control::all(fault)).unwrap();
    let answer = post(mock.base_url(), json!({})).await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), "http://192.0.2.1/");
    assert_eq!(answer.text.len(), 5_000_000);
}

#[tokio::test]
async fn any_error_of_the_vendor_can_be_answered() {
    let mock = MockApi::hubspot().await.unwrap();
    let url = mock.base_url() + UPSERT;
    for status in [401, 403, 404, 409, 423, 429, 477, 500, 502, 503, 504, 521, 524] {
        mock.control(Control::all(Fault::status(status))).unwrap();
        let answer = post(&url, json!({})).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.json()["status"], "error");
    }
    let daily = r#"{"status":"error","policyName":"DAILY"}"#;
    mock.control(Control::all(Fault::status(429).body(daily))).unwrap();
    assert_eq!(post(&url, json!({})).await.text, daily);
}

#[tokio::test]
async fn one_event_can_be_singled_out_by_its_body() {
    let mock = MockApi::hubspot().await.unwrap();
    let url = mock.base_url() + UPSERT;
    let rule = Rule::body_contains("bea@example.com", Fault::status(422)).times(2);
    mock.control(Control::rules([rule])).unwrap();
    let mut seen = Vec::new();
    for email in ["ada", "bea", "ada", "bea", "bea"] {
        let body = batch(&[contact("k", &format!("{email}@example.com"))]);
        seen.push(post(&url, body).await.status.as_u16());
    }
    assert_eq!(seen, [200, 422, 200, 422, 200]);
}

#[tokio::test]
async fn the_same_seed_draws_the_same_faults() {
    let mock = MockApi::sink().await.unwrap();
    let mut runs = Vec::new();
    for _ in 0..2 {
        let rule = Rule::sometimes(0.3, 7, Fault::status(503));
        mock.control(Control::rules([rule])).unwrap();
        let mut run = Vec::new();
        for _ in 0..60 {
            run.push(post(mock.base_url(), json!({})).await.status.as_u16());
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    let failed = runs[0].iter().filter(|status| **status == 503).count();
    assert!((6..=30).contains(&failed), "{failed} of 60 at a rate of 0.3");
}

#[tokio::test]
async fn an_answer_can_be_late() {
    let mock = MockApi::sink().await.unwrap();
    let control = Control { script: [Fault::slow(60)].into(), ..Control::latency(60, 20) };
    mock.control(control).unwrap();
    for least in [120, 60] {
        let start = Instant::now();
        post(mock.base_url(), json!({})).await;
        let taken = start.elapsed();
        assert!(taken >= Duration::from_millis(least), "{taken:?} for at least {least} ms");
    }
}

#[tokio::test]
async fn a_mock_that_is_down_refuses_and_comes_back_on_the_same_port() {
    let mock = MockApi::sendgrid().await.unwrap();
    let url = mock.base_url() + MAIL_SEND;
    post(&url, mail("before")).await;
    let mut idle = TcpStream::connect(mock.address()).await.unwrap();

    mock.go_down().await.unwrap();
    mock.go_down().await.unwrap();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap_or(0), 0, "open connections end");
    let refused = TcpStream::connect(mock.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    mock.come_up().await.unwrap();
    mock.come_up().await.unwrap();
    assert_eq!(post(&url, mail("after")).await.status, 202);
    assert_eq!(mock.effects().effects, 2, "state and log outlive the outage");
}
