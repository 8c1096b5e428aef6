//! TLS to providers: always verified, against the system's authorities and the provider's own.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// What HTTP/2 is called where versions are agreed on (RFC 9113, section 3.2).
pub(super) const ALPN_HTTP2: &[u8] = b"h2";

/// Why a provider can't be spoken to over TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The bundle is not PEM, or a certificate in it is none.
    #[error("its `caBundle` is not a list of PEM certificates")]
    Bundle,
    /// Nothing can be verified.
    #[error("the router's system has no certificate authorities, and the provider has no `caBundle`")]
    NoAuthorities,
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The system's authorities, read once, when the first provider needs them.
#[derive(Debug, Default)]
pub(crate) struct Authorities {
    native: OnceLock<RootCertStore>,
    plain: OnceLock<Arc<ClientConfig>>,
}

impl Authorities {
    /// The configuration that trusts the system's authorities and those of `bundle`.
    pub(crate) fn client(&self, bundle: Option<&str>) -> Result<Arc<ClientConfig>, TlsError> {
        match bundle {
            Some(bundle) => configure(self.with_bundle(bundle)?),
            None => self.plain(),
        }
    }

    fn plain(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.plain.get() {
            return Ok(config.clone());
        }
        let config = configure(self.native().clone())?;
        Ok(self.plain.get_or_init(|| config).clone())
    }

    fn with_bundle(&self, bundle: &str) -> Result<RootCertStore, TlsError> {
        let mut roots = self.native().clone();
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots
                .add(certificate.map_err(|_| TlsError::Bundle)?)
                .map_err(|_| TlsError::Bundle)?;
        }
        if roots.len() == before {
            Err(TlsError::Bundle)
        } else {
            Ok(roots)
        }
    }

    fn native(&self) -> &RootCertStore {
        self.native.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        })
    }
}

fn configure(roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
    if roots.is_empty() {
        return Err(TlsError::NoAuthorities);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::{Authorities, TlsError};

    #[test]
    fn a_bundle_without_certificates_is_refused() {
        let authorities = Authorities::default();
        for bundle in [
            "",
            "no pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(
                matches!(authorities.client(Some(bundle)), Err(TlsError::Bundle)),
                "{bundle}"
            );
        }
    }
}
