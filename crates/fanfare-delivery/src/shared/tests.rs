//! A real Redis with TLS, and who is let in by whom.

use std::error::Error;

use fanfare_sandbox::redis::{Certificate, RedisNode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use redis::Script;

use super::*;

/// An authority of our own, and a Redis that it vouches for by the name of this machine.
async fn redis_with_tls() -> (RedisNode, String) {
    let authority = authority();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let cert_pem = params.signed_by(&key, &authority).unwrap().pem();
    let certificate = Certificate { cert_pem, key_pem: key.serialize_pem() };
    (RedisNode::private_with_tls(&certificate).await.unwrap(), authority.pem())
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A Redis that answers at `url`, for tests of what is built on it.
pub(crate) fn address(url: &str, ca_pem: Option<&str>) -> RedisAddress {
    let store = Store::parse(url, false).unwrap().trusting(ca_pem.map(|pem| pem.into()));
    store.redis().unwrap().clone()
}

#[tokio::test]
async fn a_redis_whose_authority_was_named_is_asked_through_tls() {
    let (redis, ca_pem) = redis_with_tls().await;
    let address = address(redis.tls_url().unwrap(), Some(&ca_pem));
    address.answers().await.unwrap();
    let link = RedisLink::connect(&address, "it", "without", "probe".into()).await.unwrap();
    let script = Script::new("return redis.call('INCR', KEYS[1])");
    assert_eq!(link.ask::<i64>(&script.key("count")).await.unwrap(), 1);
    assert_eq!(redis.ask(&["GET", "count"]).unwrap(), "1");
}

#[tokio::test]
async fn nobody_is_told_the_password_for_whom_nobody_vouches() {
    let (redis, ca_pem) = redis_with_tls().await;
    let url = redis.tls_url().unwrap();
    let other_name = url.replace("127.0.0.1", "localhost");
    let other_authority = authority().pem();
    for (address, why) in [
        (address(url, None), "UnknownIssuer"),
        (address(url, Some(&other_authority)), "BadSignature|UnknownIssuer"),
        (address(&other_name, Some(&ca_pem)), "not valid for name"),
    ] {
        let error = address.answers().await.unwrap_err();
        let shown = format!("{error} {:?}", error.source());
        assert!(why.split('|').any(|why| shown.contains(why)), "{address}: {shown}");
    }
}

#[test]
fn a_file_of_authorities_is_looked_at_before_anybody_dials() {
    let authority = authority();
    assert_eq!(check_authorities(authority.pem().as_bytes()), Ok(()));
    let cut_off = &authority.pem()[..100];
    for (pem, problem) in [
        ("", "no PEM certificate"),
        (&authority.key().serialize_pem(), "no PEM certificate"),
        (cut_off, "cut off"),
        ("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "of no authority"),
    ] {
        let why = check_authorities(pem.as_bytes()).unwrap_err();
        assert!(why.contains(problem), "{pem}: {why}");
    }
}
