//! A setting made of a secret, for destinations that need more of one than credentials.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use fanfare_process::settings::{Reader, Secret, Setting, Variable};
use secrecy::ExposeSecret;

use super::credentials::SecretText;
use super::watched::{Recipe, Watched};

/// What a secret is read as, such as keys that sign.
///
/// If it came from a file it follows the file as [`Credentials`](super::Credentials) do: looked
/// at while it is used, at most once a second, and the last good one stays while the file holds
/// none. Cheap to clone; clones share what they know.
pub struct Rotating<T: Setting>(Arc<Watched<SecretAs<T>>>);

struct SecretAs<T> {
    variable: &'static str,
    secret: Secret,
    made: PhantomData<fn() -> T>,
}

impl<T: Setting> Rotating<T> {
    /// Reads a variable that must be set.
    pub fn required(reader: &mut Reader<'_>, variable: &Variable) -> Option<Self> {
        let secret = reader.required_secret(variable)?;
        let watched = Watched::new(SecretAs { variable: variable.name, secret, made: PhantomData });
        watched
            .map(|watched| Self(Arc::new(watched)))
            .map_err(|error| reader.problem(variable, error))
            .ok()
    }

    /// As the file had it a second ago at most.
    pub fn current(&self) -> Arc<T> {
        self.0.current()
    }
}

impl<T: Setting> Recipe for SecretAs<T> {
    type Content = SecretText;
    type Product = Arc<T>;

    fn name(&self) -> &str {
        self.variable
    }

    fn is_fixed(&self) -> bool {
        self.secret.file().is_none()
    }

    fn read(&self) -> Result<SecretText, String> {
        self.secret.now().map(SecretText).map_err(|error| error.to_string())
    }

    fn make(&self, content: &SecretText) -> Result<Arc<T>, String> {
        T::parse(content.0.expose_secret()).map(Arc::new)
    }
}

impl<T: Setting> Clone for Rotating<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Setting> fmt::Debug for Rotating<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rotating(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::time::Duration;

    use super::*;

    const PORTS: Variable = Variable::required("PORTS", "1,2", "Ports that are kept secret.");

    fn read(vars: &[(&str, &str)]) -> Result<Rotating<Vec<u16>>, String> {
        let vars: BTreeMap<_, _> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&vars);
        let ports = Rotating::required(&mut reader, &PORTS);
        reader.finish(&[], || ports).map_err(|error| error.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_file_holds_is_followed_and_the_last_good_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ports");
        fs::write(&file, "1\n").unwrap();
        let ports = read(&[("PORTS_FILE", file.to_str().unwrap())]).unwrap();
        for (content, expected) in
            [("2,1\n", &[2, 1][..]), ("", &[2, 1]), ("2,x", &[2, 1]), (" 2", &[2, 1]), ("2", &[2])]
        {
            fs::write(&file, content).unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(*ports.current(), expected, "{content:?}");
        }
        fs::remove_file(&file).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(*ports.current(), [2]);
    }

    #[test]
    fn what_it_cannot_be_read_as_is_a_problem_of_its_variable() {
        assert_eq!(*read(&[("PORTS", "3")]).unwrap().current(), [3]);
        let problem = read(&[("PORTS", "3,canary")]).unwrap_err();
        assert!(problem.starts_with("PORTS: has a number 2 that is not a whole"), "{problem}");
        assert!(!problem.contains("canary"), "{problem}");
        assert!(read(&[]).unwrap_err().starts_with("PORTS: is not set"));
    }
}
