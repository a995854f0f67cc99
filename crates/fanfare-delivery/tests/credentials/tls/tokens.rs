//! The endpoint of access tokens is reached with the same certificates.

use fanfare_delivery::http::{ClientAuth, Credentials, OAuth2Client};
use fanfare_delivery::{Outcome, Trouble};
use fanfare_process::settings::Secret;

use super::Files;
use super::authority::Authority;
use super::handshakes::call;
use super::server::{Server, VERSIONS};

#[tokio::test]
async fn an_endpoint_of_tokens_is_trusted_and_shown_the_client_certificate_as_the_api_is() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let granted = r#"{"access_token":"token","token_type":"Bearer","expires_in":3600}"#;
    for version in VERSIONS {
        let api = Server::start(version, &ours.server(), Some(&ours)).await;
        let endpoint = Server::answering(version, &ours.server(), Some(&ours), 200, granted).await;
        let client = || OAuth2Client {
            token_url: endpoint.url().parse().unwrap(),
            id: "fanfare".into(),
            secret: Secret::fixed("secret"),
            scope: None,
            audience: None,
            auth: ClientAuth::Basic,
        };
        let (files, identity) = (Files::new(), ours.client("fanfare"));
        files.trust(&ours);
        files.be(&other.client("fanfare"));
        let http = files.client().with_credentials(Credentials::oauth2(client()).unwrap());
        let outcome = call(&http, &api, "event").await;
        let Outcome::Hold { reason, trouble: Trouble::Unauthorized, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(reason.text.contains("the token endpoint does not accept"), "{reason:?}");
        assert_eq!((endpoint.requests(), api.connections()), (0, 0));

        files.be(&identity);
        let http = files.client().with_credentials(Credentials::oauth2(client()).unwrap());
        assert_eq!(call(&http, &api, "event").await, Outcome::Delivered);
        assert!(endpoint.saw_last(&identity) && api.saw_last(&identity));
    }
}
