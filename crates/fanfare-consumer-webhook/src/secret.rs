//! A secret that signs webhooks, in the notation of Standard Webhooks.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fanfare_process::settings::Setting;
use ring::hmac;
use ring::signature::Ed25519KeyPair;
use secrecy::{ExposeSecret, SecretSlice};

/// A secret that signs webhooks: `whsec_…`, shared with the receiver, or `whsk_…`, which the
/// receiver knows the public half of.
pub enum SigningSecret {
    /// `v1`: HMAC-SHA256.
    Shared(hmac::Key),
    /// `v1a`: Ed25519.
    Private(Ed25519KeyPair),
}

/// Length of a shared secret in bytes: "between 24 bytes and 64 bytes", as the standard has it.
const SHARED_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

const SEED_BYTES: usize = 32;

/// A private key is its seed and, after that, the public key.
const PRIVATE_BYTES: usize = SEED_BYTES + 32;

/// Some who hand out secrets leave the padding away.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Setting for SigningSecret {
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        if let Some(encoded) = text.strip_prefix("whsec_") {
            shared(&decoded(encoded)?)
        } else if let Some(encoded) = text.strip_prefix("whsk_") {
            private(&decoded(encoded)?)
        } else if text.starts_with("whpk_") {
            Err("is a public key, which is for the receiver; the private one starts with whsk_"
                .to_owned())
        } else {
            Err("starts neither with whsec_ (HMAC-SHA256) nor with whsk_ (Ed25519)".to_owned())
        }
    }
}

/// No message says more of a secret than its length.
fn decoded(encoded: &str) -> Result<SecretSlice<u8>, String> {
    match BASE64.decode(encoded) {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err("is not base64 after its prefix".to_owned()),
    }
}

fn shared(bytes: &SecretSlice<u8>) -> Result<SigningSecret, String> {
    let bytes = bytes.expose_secret();
    if !SHARED_BYTES.contains(&bytes.len()) {
        let (least, most) = SHARED_BYTES.into_inner();
        return Err(format!("holds {} bytes, not {least} to {most}", bytes.len()));
    }
    Ok(SigningSecret::Shared(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
}

fn private(bytes: &SecretSlice<u8>) -> Result<SigningSecret, String> {
    let bytes = bytes.expose_secret();
    if bytes.len() != PRIVATE_BYTES {
        return Err(format!("holds {} bytes, not {PRIVATE_BYTES}", bytes.len()));
    }
    let (seed, public) = bytes.split_at(SEED_BYTES);
    match Ed25519KeyPair::from_seed_and_public_key(seed, public) {
        Ok(pair) => Ok(SigningSecret::Private(pair)),
        Err(_) => Err("is not an Ed25519 key: its two halves do not belong together".to_owned()),
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared(not shown)",
            Self::Private(_) => "Private(not shown)",
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

    fn shared_of(bytes: usize) -> String {
        format!("whsec_{}", STANDARD.encode(vec![7; bytes]))
    }

    #[test]
    fn both_kinds_are_known_by_their_prefix() {
        for bytes in [24, 25, 32, 64] {
            let secret = SigningSecret::parse(&shared_of(bytes)).unwrap();
            assert!(matches!(secret, SigningSecret::Shared(_)), "{bytes}");
            // With and without padding.
            SigningSecret::parse(shared_of(bytes).trim_end_matches('=')).unwrap();
        }
        let secret = SigningSecret::parse(PRIVATE).unwrap();
        assert!(matches!(secret, SigningSecret::Private(_)));
    }

    #[test]
    fn what_is_no_secret_is_explained_without_showing_it() {
        let mut other_half = STANDARD.decode(&PRIVATE[5..]).unwrap();
        other_half[63] ^= 1;
        let other_half = format!("whsk_{}", STANDARD.encode(other_half));
        for (text, expected) in [
            (shared_of(23), "holds 23 bytes, not 24 to 64"),
            (shared_of(65), "holds 65 bytes, not 24 to 64"),
            ("whsec_".to_owned(), "holds 0 bytes, not 24 to 64"),
            ("whsec_not base64".to_owned(), "is not base64 after its prefix"),
            (shared_of(24).replace("whsec", "whsk"), "holds 24 bytes, not 64"),
            (other_half, "is not an Ed25519 key: its two halves do not belong together"),
            (
                "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=".to_owned(),
                "is a public key, which is for the receiver; the private one starts with whsk_",
            ),
            (
                "hunter2".to_owned(),
                "starts neither with whsec_ (HMAC-SHA256) nor with whsk_ (Ed25519)",
            ),
        ] {
            assert_eq!(SigningSecret::parse(&text).unwrap_err(), expected);
        }
    }

    #[test]
    fn no_secret_is_printed() {
        for text in [&shared_of(24), PRIVATE] {
            let printed = format!("{:?}", SigningSecret::parse(text).unwrap());
            assert!(printed.ends_with("(not shown)"), "{printed}");
        }
    }
}
