//! The keys of one realm: Ed25519 for access tokens, RSA for ID tokens, and one secret from which every keyed digest
//! of the realm is derived.
//!
//! Each key is one file of mode 0600, named by the second it was made. The newest of a kind signs; older ones verify
//! until they are pruned. So rotation is "make one more, drop the old one when nothing it signed can be alive", and a
//! key id never means two keys.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::{hkdf, rsa, signature};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use biscuit_auth::builder::Algorithm;
use biscuit_auth::{KeyPair, PrivateKey};
use serde_json::{Value, json};

use super::limits::KEY_OVERLAP;
use crate::outbound::Chance;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("the keys folder {path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{0} is not a key; restore it from a backup, or delete it and sign everyone out")]
    Damaged(PathBuf),
    /// The library failed to make a key.
    #[error("no key could be made; the random numbers of this machine cannot be read")]
    Making,
}

/// The keys of one realm.
pub struct Keys {
    secret: [u8; 32],
    /// Newest last.
    tokens: Vec<TokenKey>,
    /// Newest last.
    ids: Vec<IdKey>,
}

struct TokenKey {
    id: u32,
    pair: KeyPair,
}

struct IdKey {
    made: i64,
    pair: rsa::KeyPair,
}

/// Kinds of key file, by the first part of their name.
const TOKEN: &str = "token";
const ID: &str = "id";
const SECRET_FILE: &str = "secret.key";

impl Keys {
    /// Reads the keys of a folder, making what is missing.
    pub fn open(folder: &Path, chance: &Chance, now: i64) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
        restrict(folder, 0o700)?;
        let secret_path = folder.join(SECRET_FILE);
        if !secret_path.exists() {
            write_new(&secret_path, &fresh_secret(chance))?;
        }
        let secret = read(&secret_path)?.try_into().map_err(|_| Error::Damaged(secret_path))?;
        let mut keys = Self { secret, tokens: Vec::new(), ids: Vec::new() };
        for (kind, made, path) in list(folder)? {
            keys.add(kind, made, &read(&path)?).ok_or(Error::Damaged(path))?;
        }
        for kind in [TOKEN, ID] {
            if (kind == TOKEN && keys.tokens.is_empty()) || (kind == ID && keys.ids.is_empty()) {
                make_file(folder, kind, now)?;
                return Self::open(folder, chance, now);
            }
        }
        keys.tokens.sort_by_key(|key| key.id);
        keys.ids.sort_by_key(|key| key.made);
        Ok(keys)
    }

    /// Keys that live as long as the process, for tests.
    pub fn in_memory(chance: &Chance) -> Result<Self, Error> {
        let mut keys = Self { secret: fresh_secret(chance), tokens: Vec::new(), ids: Vec::new() };
        for kind in [TOKEN, ID] {
            keys.add(kind, 1, &make(kind)?).ok_or(Error::Making)?;
        }
        Ok(keys)
    }

    /// Adds a new key of each kind, which signs from now on, and drops those whose time is over. The caller opens the
    /// folder again.
    pub fn rotate(folder: &Path, now: i64) -> Result<(), Error> {
        for kind in [TOKEN, ID] {
            make_file(folder, kind, now)?;
            let mut made: Vec<(i64, PathBuf)> =
                list(folder)?.into_iter().filter(|(k, ..)| *k == kind).map(|(_, made, path)| (made, path)).collect();
            made.sort();
            // A key may go once its successor has been signing for longer than anything it signed can live.
            for pair in made.windows(2) {
                let [(_, old), (successor, _)] = pair else { continue };
                if successor + KEY_OVERLAP <= now {
                    fs::remove_file(old).map_err(|source| Error::File { path: old.clone(), source })?;
                }
            }
        }
        Ok(())
    }

    /// A key of 32 bytes for one purpose. Different purposes give unrelated keys.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ingle");
        let mut key = [0; 32];
        let info = [purpose.as_bytes()];
        let filled = salt.extract(&self.secret).expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut key));
        // 32 bytes are within what HKDF-SHA256 gives; a library that refuses must not hand out a known key.
        if filled.is_err() {
            std::process::abort();
        }
        key
    }

    /// The key that signs access tokens, with its id.
    pub(super) fn token_signer(&self) -> Option<(u32, &KeyPair)> {
        self.tokens.last().map(|key| (key.id, &key.pair))
    }

    /// The public half of the access-token key with this id.
    pub(super) fn token_verifier(&self, id: u32) -> Option<biscuit_auth::PublicKey> {
        self.tokens.iter().find(|key| key.id == id).map(|key| key.pair.public())
    }

    /// When the newest keys were made; no two sets have both in common.
    pub(super) fn made(&self) -> u64 {
        let token = self.tokens.last().map_or(0, |key| u64::from(key.id));
        token << 32 | self.ids.last().map_or(0, |key| key.made.unsigned_abs() & u64::from(u32::MAX))
    }

    /// The public halves of all access-token keys, the signing one first.
    pub(super) fn token_keys(&self) -> Value {
        let key =
            |key: &TokenKey| json!({ "kid": key.id, "alg": "ed25519", "public_key": key.pair.public().to_bytes_hex() });
        self.tokens.iter().rev().map(key).collect()
    }

    /// Signs an ID token's header and body; gives the key id to `header` first.
    pub(super) fn sign_id(&self, claims: &Value) -> Option<String> {
        let key = self.ids.last()?;
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key.kid() });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut out = vec![0; key.pair.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        key.pair.sign(&signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut out).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(out)))
    }

    /// The JWKS document.
    pub(super) fn jwks(&self) -> Value {
        json!({ "keys": self.ids.iter().rev().map(IdKey::jwk).collect::<Vec<_>>() })
    }

    fn add(&mut self, kind: &str, made: i64, bytes: &[u8]) -> Option<()> {
        if kind == TOKEN {
            let private = PrivateKey::from_bytes(bytes, Algorithm::Ed25519).ok()?;
            self.tokens.push(TokenKey { id: u32::try_from(made).ok()?, pair: KeyPair::from(&private) });
        } else {
            self.ids.push(IdKey { made, pair: rsa::KeyPair::from_pkcs8(bytes).ok()? });
        }
        Some(())
    }
}

impl IdKey {
    fn kid(&self) -> String {
        format!("id-{}", self.made)
    }

    fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid(),
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        })
    }
}

fn fresh_secret(chance: &Chance) -> [u8; 32] {
    let mut secret = [0; 32];
    chance.fill(&mut secret);
    secret
}

/// New private key bytes. Both libraries draw from the operating system themselves.
fn make(kind: &str) -> Result<Vec<u8>, Error> {
    if kind == TOKEN {
        return Ok(KeyPair::new_with_algorithm(Algorithm::Ed25519).private().to_bytes().to_vec());
    }
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(|_| Error::Making)?;
    let der = AsDer::<Pkcs8V1Der>::as_der(&pair).map_err(|_| Error::Making)?;
    Ok(der.as_ref().to_vec())
}

/// Makes a key file with a number of its own, even if two are made in one second.
fn make_file(folder: &Path, kind: &str, now: i64) -> Result<(), Error> {
    let bytes = make(kind)?;
    let taken: Vec<i64> = list(folder)?.into_iter().filter(|(k, ..)| *k == kind).map(|(_, made, _)| made).collect();
    let made = taken.into_iter().max().map_or(now, |last| now.max(last + 1));
    write_new(&folder.join(format!("{kind}-{made}.key")), &bytes)
}

/// Key files of a folder: kind, second of making, path.
fn list(folder: &Path) -> Result<Vec<(&'static str, i64, PathBuf)>, Error> {
    let failed = |source| Error::File { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some((kind, made)) = name.strip_suffix(".key").and_then(|name| name.split_once('-')) else { continue };
        let Ok(made) = made.parse() else { continue };
        for known in [TOKEN, ID] {
            if kind == known {
                found.push((known, made, path.clone()));
            }
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Writes a file that must not exist yet, readable by its owner only from the first byte on.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|source| Error::File { path: path.to_owned(), source })
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_private_and_rotate_with_overlap() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("keys");
        let chance = Chance::seeded(1);
        let first = Keys::open(&folder, &chance, 1_000).unwrap();
        let again = Keys::open(&folder, &chance, 2_000).unwrap();
        assert_eq!(first.derive("contact"), again.derive("contact"));
        assert_ne!(first.derive("contact"), first.derive("seal"));
        assert_eq!(first.token_signer().unwrap().0, again.token_signer().unwrap().0);
        #[cfg(unix)]
        for entry in fs::read_dir(&folder).unwrap() {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }

        Keys::rotate(&folder, 3_000).unwrap();
        let both = Keys::open(&folder, &chance, 3_000).unwrap();
        assert_eq!(both.token_signer().unwrap().0, 3_000);
        assert!(both.token_verifier(1_000).is_some());
        assert_eq!(both.jwks()["keys"].as_array().unwrap().len(), 2);
        Keys::rotate(&folder, 3_000 + KEY_OVERLAP).unwrap();
        let later = Keys::open(&folder, &chance, 4_000).unwrap();
        assert!(later.token_verifier(1_000).is_none() && later.token_verifier(3_000).is_some());
    }

    #[test]
    fn a_damaged_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let chance = Chance::seeded(1);
        Keys::open(dir.path(), &chance, 1_000).unwrap();
        fs::write(dir.path().join("token-1000.key"), b"short").unwrap();
        let error = Keys::open(dir.path(), &chance, 1_000).err().unwrap().to_string();
        assert!(error.contains("token-1000.key"), "{error}");
    }
}
