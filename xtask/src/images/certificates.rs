//! The root certificates in the images: Mozilla's, as the `webpki-root-certs` crate has them. `Cargo.lock` pins
//! them, so that an image does not depend on the machine that it is built on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// What readers of PEM skip.
const HEAD: &str = "# Mozilla's root certificates for servers, as published by the Common CA Database.\n\
                    # Licence: CDLA-Permissive-2.0, https://cdla.dev/permissive-2-0/\n";

/// All of them, in PEM (RFC 7468).
pub(super) fn pem() -> String {
    let mut text = HEAD.to_owned();
    for certificate in TLS_SERVER_ROOT_CERTS {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in lines(&STANDARD.encode(certificate)) {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// Lines of at most 64 characters, as RFC 7468 wants them.
fn lines(mut base64: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (line, rest) = base64.split_at_checked(64).unwrap_or((base64, ""));
        base64 = rest;
        (!line.is_empty()).then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::{lines, pem};

    #[test]
    fn lines_are_full_but_for_the_last() {
        let text = "x".repeat(130);
        assert_eq!(lines(&text).map(str::len).collect::<Vec<_>>(), [64, 64, 2]);
        assert_eq!(lines(&text[..64]).count(), 1);
    }

    #[test]
    fn every_certificate_is_there_as_it_was() {
        use rustls_pki_types::CertificateDer;
        use rustls_pki_types::pem::PemObject as _;

        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem().as_bytes()).collect();
        assert_eq!(read.unwrap(), webpki_root_certs::TLS_SERVER_ROOT_CERTS);
    }
}
