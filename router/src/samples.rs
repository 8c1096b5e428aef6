//! Values that tests of several modules start from. Nothing but tests may use them.

use std::collections::BTreeMap;

use weir_table::{BaseUrl, Connections, Credential, Dialect, Owner, Provider, Timeouts};

/// A provider of its namespace's own that speaks OpenAI's dialect, where nobody listens, with all else as by default.
pub(crate) fn provider(credential: Credential) -> Provider {
    Provider {
        owner: Owner::Namespace,
        dialect: Dialect::OpenAI,
        base_url: BaseUrl::parse("http://127.0.0.1:1").unwrap(),
        api_version: None,
        lacks: [].into(),
        region: None,
        credential,
        ca_bundle: None,
        timeouts: Timeouts::default(),
        connections: Connections::default(),
        passthrough_paths: Vec::new(),
        allowed_namespaces: None,
        models: BTreeMap::new(),
    }
}
