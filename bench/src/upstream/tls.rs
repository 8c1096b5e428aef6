//! The mock provider's TLS: an authority made for this run, and a certificate that it vouches for.

use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// What the certificate is for, beside the address: nginx compares names only.
pub(crate) const HOST: &str = "mock.test";

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

/// An authority, and the identity that it vouches for.
#[derive(Debug)]
pub(super) struct Identity {
    /// The authority's certificate, in PEM.
    pub(super) authority: String,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    /// A new one.
    pub(super) fn make() -> Result<Self> {
        // Each has a name of its own: OpenSSL takes what is named as its issuer for self-signed.
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = called("weir-bench authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let names = vec!["127.0.0.1".to_owned(), "::1".to_owned(), HOST.to_owned()];
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = called(HOST);
        let certificate = params.signed_by(&key, &authority)?;
        Ok(Self {
            authority: authority.pem(),
            certificate: certificate.der().clone(),
            key,
        })
    }

    /// A server that offers `protocol` only.
    pub(super) fn acceptor(&self, protocol: &[u8]) -> Result<TlsAcceptor> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)?;
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
