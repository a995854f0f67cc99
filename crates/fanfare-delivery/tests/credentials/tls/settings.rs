//! `FANFARE_HTTP_CA_FILE` and its like: what is valid, and what is said when it is not.

use std::collections::BTreeMap;
use std::fs;

use fanfare_delivery::ConsumerSettings;
use fanfare_delivery::http::TlsFiles;
use fanfare_process::settings::Reader;

use super::Files;
use super::authority::Authority;

/// The files by the ends of their variables' names.
fn read(files: &Files, named: &[(&str, &str)]) -> Result<TlsFiles, Vec<String>> {
    let vars: BTreeMap<_, _> = named
        .iter()
        .map(|(variable, file)| {
            let path = files.path(file).to_str().unwrap().to_owned();
            (format!("FANFARE_HTTP_{variable}_FILE"), path)
        })
        .collect();
    let mut reader = Reader::new(&vars);
    let settings = ConsumerSettings::read(&mut reader, "crm");
    let read = reader.finish(&[], || settings);
    read.map(|settings| settings.tls).map_err(|error| {
        let folder = format!("{}/", files.folder.path().display());
        let words = |problem: &fanfare_process::settings::Problem| {
            format!("{}: {}", problem.variable, problem.what).replace(&folder, "")
        };
        error.problems().iter().map(words).collect()
    })
}

const ALL: [(&str, &str); 3] = [("CA", "ca.pem"), ("CERT", "cert.pem"), ("KEY", "key.pem")];

#[test]
fn without_files_the_system_is_trusted_and_nobody_is_shown_anything() {
    assert_eq!(read(&Files::new(), &[]), Ok(TlsFiles::default()));
}

#[test]
fn files_that_can_be_used_are_taken() {
    let (files, ours) = (Files::new(), Authority::new("ours"));
    files.trust(&ours);
    files.be(&ours.client("fanfare"));
    assert_eq!(read(&files, &ALL), Ok(files.named()));
    assert!(read(&files, &ALL[..1]).is_ok(), "a private authority needs no client certificate");
    assert!(read(&files, &ALL[1..]).is_ok(), "nor the other way round");
}

#[test]
fn a_client_certificate_comes_with_its_key() {
    let files = Files::new();
    for (one, other) in [("CERT", "KEY"), ("KEY", "CERT")] {
        let problems = read(&files, &[(one, "any.pem")]).unwrap_err();
        let expected = format!(
            "FANFARE_HTTP_{other}_FILE: is not set although FANFARE_HTTP_{one}_FILE is; for example"
        );
        assert!(problems.len() == 1 && problems[0].starts_with(&expected), "{problems:?}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_variable_and_without_what_it_holds() {
    let ours = Authority::new("ours");
    let (good, another) = (ours.client("fanfare"), ours.client("fanfare"));
    let half = |pem: &str| pem[..pem.len() / 2].to_owned();
    let encrypted = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let der_of_nothing = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let table = [
        ("ca.pem", "canary".to_owned(), "CA", "`ca.pem` holds no PEM certificate"),
        ("ca.pem", good.key.clone(), "CA", "`ca.pem` holds no PEM certificate"),
        ("ca.pem", half(&ours.pem()), "CA", "`ca.pem` holds PEM that is broken or cut off"),
        ("ca.pem", der_of_nothing.to_owned(), "CA", "`ca.pem` holds a certificate number 1 that"),
        ("cert.pem", String::new(), "CERT", "`cert.pem` holds no PEM certificate"),
        ("cert.pem", half(&good.cert), "CERT", "`cert.pem` holds PEM that is broken or cut off"),
        ("cert.pem", der_of_nothing.to_owned(), "CERT", "`cert.pem` holds no usable certificate"),
        ("key.pem", good.cert.clone(), "KEY", "`key.pem` holds no PEM private key"),
        ("key.pem", half(&good.key), "KEY", "`key.pem` holds no PEM private key"),
        ("key.pem", encrypted, "KEY", "`key.pem` is encrypted"),
        (
            "key.pem",
            another.key,
            "KEY",
            "`key.pem` is not the key of the certificate in `cert.pem`",
        ),
    ];
    for (file, content, variable, expected) in table {
        let files = Files::new();
        files.trust(&ours);
        files.be(&good);
        fs::write(files.path(file), content).unwrap();
        let problems = read(&files, &ALL).unwrap_err();
        let expected = format!("FANFARE_HTTP_{variable}_FILE: {expected}");
        assert!(problems.len() == 1 && problems[0].starts_with(&expected), "{problems:?}");
        assert!(problems[0].contains("; for example FANFARE_HTTP_"), "{problems:?}");
        let key_material = good.key.lines().nth(1).unwrap();
        assert!(!problems[0].contains("canary") && !problems[0].contains(key_material));
    }
}

#[test]
fn every_file_that_cannot_be_read_is_reported() {
    let problems = read(&Files::new(), &ALL).unwrap_err();
    let starts = [
        "FANFARE_HTTP_CA_FILE: `ca.pem` cannot be read: No such file",
        "FANFARE_HTTP_CERT_FILE: `cert.pem` cannot be read: No such file",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}");
    }
}
