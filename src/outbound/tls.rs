//! Whom connections to the outside trust: the authorities that browsers trust, and one of the plan's own.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::Error;

/// The PEM file of an authority.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let pem =
        std::fs::read(file).map_err(|cause| Error::Authority { file: file.to_owned(), cause: cause.to_string() })?;
    certificates(&pem).map_err(|cause| Error::Authority { file: file.to_owned(), cause })?;
    Ok(pem)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(error.to_string()),
    }
}

/// An HTTP client, to be finished: no proxy of the environment, no redirect followed.
pub fn http(authority: Option<&[u8]>) -> Result<reqwest::ClientBuilder, Error> {
    let trusts = client(authority)?;
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(trusts)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none()))
}

/// What a client trusts; `authority` is the PEM text of the plan's own.
fn client(authority: Option<&[u8]>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let unfit = |cause: String| Error::Transport(format!("the authority's certificate cannot be used: {cause}"));
    for certificate in authority.map(certificates).transpose().map_err(unfit)?.unwrap_or_default() {
        roots.add(certificate).map_err(|error| unfit(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(versions.map_err(|error| unfit(error.to_string()))?.with_root_certificates(roots).with_no_client_auth())
}
