//! Signatures after Standard Webhooks, `v1` and `v1a`: the algorithm, without any I/O.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fanfare_process::settings::Setting;
use ring::hmac;

use crate::secret::SigningSecret;

/// Signs webhooks with every active secret: with the new and the old one while rotating.
#[derive(Debug)]
pub struct Signer {
    secrets: Vec<SigningSecret>,
}

impl Signer {
    /// The value of `webhook-signature`: a signature per secret, separated by spaces.
    ///
    /// `id` and `timestamp` stand in `webhook-id` and `webhook-timestamp`. What is signed puts
    /// dots between them and `body`, so neither may contain one.
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        debug_assert!(!id.contains('.'), "{id} can be read in two ways");
        let mut signed = format!("{id}.{timestamp}.").into_bytes();
        signed.extend_from_slice(body);
        let signatures: Vec<_> =
            self.secrets.iter().map(|secret| signature(secret, &signed)).collect();
        signatures.join(" ")
    }
}

fn signature(secret: &SigningSecret, signed: &[u8]) -> String {
    match secret {
        SigningSecret::Shared(key) => {
            format!("v1,{}", STANDARD.encode(hmac::sign(key, signed)))
        }
        SigningSecret::Private(pair) => {
            format!("v1a,{}", STANDARD.encode(pair.sign(signed)))
        }
    }
}

/// Secrets separated by commas, at least one.
impl Setting for Signer {
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let secrets = Vec::<SigningSecret>::parse(text)?;
        if secrets.is_empty() {
            return Err("holds no secret".to_owned());
        }
        Ok(Self { secrets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Vector {
        secret: &'static str,
        id: &'static str,
        timestamp: u64,
        body: &'static str,
        signature: &'static str,
    }

    /// The standard's own example, one of its libraries' tests, and Svix's for `v1a`.
    const VECTORS: [Vector; 3] = [
        Vector {
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: r#"{"test": 2432232314}"#,
            signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        Vector {
            secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            timestamp: 1_649_367_553,
            body: r#"{"email":"test@example.com","username":"test_user"}"#,
            signature: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        },
        Vector {
            secret: "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: r#"{"test": 2432232314}"#,
            signature: "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
        },
    ];

    #[test]
    fn the_published_vectors_come_out() {
        for Vector { secret, id, timestamp, body, signature } in VECTORS {
            let signer = Signer::parse(secret).unwrap();
            assert_eq!(signer.sign(id, timestamp, body.as_bytes()), signature, "{id}");
        }
    }

    #[test]
    fn every_active_secret_signs_in_the_order_of_the_setting() {
        let [one, _, other] = VECTORS;
        let signer = Signer::parse(&format!("{}, {}", other.secret, one.secret)).unwrap();
        let expected = format!("{} {}", other.signature, one.signature);
        assert_eq!(signer.sign(one.id, one.timestamp, one.body.as_bytes()), expected);
    }

    #[test]
    fn without_a_secret_nothing_can_be_signed() {
        assert_eq!(Signer::parse(" , ").unwrap_err(), "holds no secret");
        let problem = Signer::parse(&format!("{},whsec_AAAA", VECTORS[0].secret)).unwrap_err();
        assert_eq!(problem, "has a number 2 that holds 3 bytes, not 24 to 64");
    }
}
