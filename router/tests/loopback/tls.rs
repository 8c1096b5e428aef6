//! TLS to providers: verified always, by the system's authorities or the provider's own.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;
use weir_table::{BaseUrl, Provider, Table};

use crate::rig::Rig;
use crate::tables::{model, provider, split, table};
use crate::upstream::{Upstream, chat, good_stream};

/// An authority made for one test, and what a server needs that it vouches for as `name`.
fn authority(name: &str) -> (String, TlsAcceptor) {
    authority_for(name, &[])
}

/// The same for a server that speaks `protocols`.
pub(crate) fn authority_for(name: &str, protocols: &[&[u8]]) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}

pub(crate) fn secure(addr: SocketAddr, ca_bundle: Option<String>) -> Table {
    let base_url = BaseUrl::parse(&format!("https://{addr}/v1")).unwrap();
    let provider = Provider {
        base_url,
        ca_bundle,
        ..provider(addr)
    };
    table(
        vec![("p", provider)],
        vec![split("talk", vec![("p/a", 1.0, model("p", "a"))])],
    )
}

#[tokio::test]
async fn a_provider_is_trusted_by_its_own_authority() {
    let (bundle, tls) = authority("127.0.0.1");
    let upstream = Upstream::start_tls(vec![chat("secret"), good_stream("flow")], tls).await;
    let rig = Rig::with(secure(upstream.addr, Some(bundle))).await;
    assert_eq!(rig.chat(r#"{"model":"policy/talk"}"#).await.content(), "secret");
    let stream = rig.chat(r#"{"model":"policy/talk","stream":true}"#).await;
    assert!(stream.text().ends_with("[DONE]\n\n"), "{}", stream.text());
    assert_eq!(upstream.connections(), 1, "the connection is kept");
}

#[tokio::test]
async fn a_provider_that_nobody_vouches_for_is_not_asked() {
    let (own, tls) = authority("127.0.0.1");
    let (_, elsewhere) = authority("127.0.0.1");
    let (named, misnamed) = authority("api.example.com");
    drop(tls);
    for (bundle, tls) in [(own, elsewhere), (named, misnamed)] {
        let upstream = Upstream::start_tls(vec![chat("never")], tls).await;
        let reply = Rig::with(secure(upstream.addr, Some(bundle)))
            .await
            .chat(r#"{"model":"policy/talk"}"#)
            .await;
        assert_eq!(
            (reply.status, reply.class().as_str()),
            (502, "ConnectFailed"),
            "{}",
            reply.text()
        );
        assert!(upstream.seen().is_empty(), "the key was sent to a stranger");
    }
}
