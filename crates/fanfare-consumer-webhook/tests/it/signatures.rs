//! Our signatures before the reference library, which knows `v1`, and before ring for `v1a`.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fanfare_consumer_webhook::Signer;
use fanfare_process::settings::Setting;
use ring::signature::{ED25519, UnparsedPublicKey};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook, WebhookError,
};

use crate::story::{OLD_SECRET, SECRET};

const PRIVATE: &str =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC: &str = "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

/// How far a receiver lets the two clocks be apart.
const TOLERANCE: i64 = 300;

/// What a receiver has of a webhook.
#[derive(Clone, Debug)]
struct Parts {
    id: String,
    timestamp: i64,
    signature: String,
    body: Vec<u8>,
}

impl Parts {
    fn signed(secrets: &str, id: &str, timestamp: i64, body: &[u8]) -> Self {
        let signer = Signer::parse(secrets).unwrap();
        let signature = signer.sign(id, timestamp.try_into().unwrap(), body);
        Self { id: id.to_owned(), timestamp, signature, body: body.to_vec() }
    }

    fn verify(&self, secret: &str) -> Result<(), WebhookError> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_WEBHOOK_ID, self.id.parse().unwrap());
        headers.insert(HEADER_WEBHOOK_TIMESTAMP, self.timestamp.to_string().parse().unwrap());
        headers.insert(HEADER_WEBHOOK_SIGNATURE, self.signature.parse().unwrap());
        Webhook::new(secret).unwrap().verify(&self.body, &headers)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

fn random_secret(random: &mut fastrand::Rng) -> String {
    let bytes: Vec<u8> = (0..random.usize(24..=64)).map(|_| random.u8(..)).collect();
    format!("whsec_{}", STANDARD.encode(bytes))
}

fn random_text(random: &mut fastrand::Rng) -> String {
    (0..random.usize(0..200)).map(|_| random.char(..)).collect()
}

#[test]
fn whatever_is_signed_verifies_with_each_active_secret_and_with_no_other() {
    let mut random = fastrand::Rng::with_seed(20_261_124);
    for _ in 0..200 {
        let secrets: Vec<_> =
            (0..random.usize(1..=3)).map(|_| random_secret(&mut random)).collect();
        let id = format!("msg_{:x}", random.u128(..));
        let parts =
            Parts::signed(&secrets.join(","), &id, now(), random_text(&mut random).as_bytes());
        for secret in &secrets {
            parts.verify(secret).unwrap();
        }
        let other = random_secret(&mut random);
        assert!(matches!(parts.verify(&other), Err(WebhookError::InvalidSignature)), "{parts:?}");
    }
}

#[test]
fn one_flipped_bit_is_refused() {
    let sent = Parts::signed(SECRET, "msg_1", now(), br#"{"test": 2432232314}"#);
    sent.verify(SECRET).unwrap();
    // The lowest bit of each byte, so that it stays text and reaches the comparison.
    for index in 0..sent.body.len() {
        let mut flipped = sent.clone();
        flipped.body[index] ^= 1;
        assert!(flipped.verify(SECRET).is_err(), "body, byte {index}");
    }
    for index in "v1,".len()..sent.signature.len() - 1 {
        let mut bytes = sent.signature.clone().into_bytes();
        bytes[index] ^= 1;
        let flipped = Parts { signature: String::from_utf8(bytes).unwrap(), ..sent.clone() };
        assert!(flipped.verify(SECRET).is_err(), "signature, byte {index}");
    }
    let other_id = Parts { id: "msg_0".to_owned(), ..sent.clone() };
    let other_time = Parts { timestamp: sent.timestamp ^ 1, ..sent };
    assert!(other_id.verify(SECRET).is_err() && other_time.verify(SECRET).is_err());
}

#[test]
fn a_receiver_forgives_five_minutes_between_the_clocks() {
    for (skew, accepted) in [
        (0, true),
        (1 - TOLERANCE, true),
        (TOLERANCE - 1, true),
        (-TOLERANCE - 1, false),
        (TOLERANCE + 1, false),
    ] {
        // Once more where the clock ticked between signing and verifying.
        let verdict = loop {
            let signed_at = now();
            let verdict = Parts::signed(SECRET, "msg_1", signed_at + skew, b"{}").verify(SECRET);
            if now() == signed_at {
                break verdict;
            }
        };
        match verdict {
            Ok(()) => assert!(accepted, "{skew} s"),
            Err(WebhookError::TimestampTooOldError) => assert!(!accepted && skew < 0, "{skew} s"),
            Err(WebhookError::FutureTimestampError) => assert!(!accepted && skew > 0, "{skew} s"),
            Err(other) => panic!("{skew} s: {other}"),
        }
    }
}

#[test]
fn both_kinds_of_secret_sign_side_by_side() {
    let all = format!("{PRIVATE},{SECRET},{OLD_SECRET}");
    let parts = Parts::signed(&all, "msg_1", now(), b"{}");
    parts.verify(SECRET).unwrap();
    parts.verify(OLD_SECRET).unwrap();
    let versions: Vec<_> =
        parts.signature.split(' ').map(|one| one.split_once(',').unwrap().0).collect();
    assert_eq!(versions, ["v1a", "v1", "v1"]);
}

#[test]
fn the_public_key_verifies_what_the_private_one_signed() {
    let mut random = fastrand::Rng::with_seed(20_261_124);
    let public = UnparsedPublicKey::new(&ED25519, STANDARD.decode(PUBLIC).unwrap());
    for _ in 0..50 {
        let body = random_text(&mut random).into_bytes();
        let Parts { id, timestamp, signature, .. } = Parts::signed(PRIVATE, "msg_1", now(), &body);
        let signature = STANDARD.decode(signature.strip_prefix("v1a,").unwrap()).unwrap();
        let mut signed = [format!("{id}.{timestamp}.").as_bytes(), &body].concat();
        public.verify(&signed, &signature).unwrap();
        let (byte, bit) = (random.usize(..signed.len()), random.u32(..8));
        signed[byte] ^= 1 << bit;
        assert!(public.verify(&signed, &signature).is_err(), "byte {byte}, bit {bit}");
    }
}
