//! Which routers there are: the ready endpoints of their Service. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

/// The name of the admin port in the router Service.
const ADMIN_PORT: &str = "admin";

/// One EndpointSlice of the router Service: its ready endpoints, by what stands behind each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedSlice {
    /// Its name.
    pub name: String,
    ready: BTreeMap<String, IpAddr>,
    /// Those that are not ready, and are not leaving either.
    coming: BTreeMap<String, IpAddr>,
    admin_port: Option<u16>,
}

/// Reads a slice. An endpoint whose readiness is not stated is ready, as the API defines it.
pub fn observe(slice: &EndpointSlice) -> ObservedSlice {
    let ports = slice.ports.iter().flatten();
    let admin = ports
        .filter(|port| port.name.as_deref() == Some(ADMIN_PORT))
        .find_map(|port| port.port);
    ObservedSlice {
        name: slice.metadata.name.clone().unwrap_or_default(),
        ready: placed(slice, Readiness::Ready),
        coming: placed(slice, Readiness::Coming),
        admin_port: admin.and_then(|port| u16::try_from(port).ok()),
    }
}

/// Whether an endpoint takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Ready,
    Coming,
    Leaving,
}

/// The endpoints of a slice that are in this state: each by its identity, which a pod with two addresses has in two
/// slices, and its address.
fn placed(slice: &EndpointSlice, readiness: Readiness) -> BTreeMap<String, IpAddr> {
    let wanted = slice
        .endpoints
        .iter()
        .filter(|endpoint| state(endpoint) == readiness);
    wanted.filter_map(place).collect()
}

fn state(endpoint: &Endpoint) -> Readiness {
    let stated = endpoint.conditions.as_ref();
    let is_ready = stated.and_then(|state| state.ready).unwrap_or(true);
    let is_leaving = stated.and_then(|state| state.terminating).unwrap_or(false);
    match (is_ready, is_leaving) {
        (true, _) => Readiness::Ready,
        (false, true) => Readiness::Leaving,
        (false, false) => Readiness::Coming,
    }
}

fn place(endpoint: &Endpoint) -> Option<(String, IpAddr)> {
    let address: IpAddr = endpoint.addresses.first()?.parse().ok()?;
    let target = endpoint.target_ref.as_ref().and_then(|target| target.uid.clone());
    Some((target.unwrap_or_else(|| address.to_string()), address))
}

/// The admin addresses of all ready routers, one for each. `default_port` is for slices that do not name one.
pub fn admin_addresses<'a>(
    slices: impl Iterator<Item = &'a ObservedSlice>,
    default_port: u16,
) -> BTreeSet<SocketAddr> {
    addresses(slices, default_port, |slice| &slice.ready)
}

/// The admin addresses of the routers that are about to be ready.
pub fn coming_addresses<'a>(
    slices: impl Iterator<Item = &'a ObservedSlice>,
    default_port: u16,
) -> BTreeSet<SocketAddr> {
    addresses(slices, default_port, |slice| &slice.coming)
}

fn addresses<'a>(
    slices: impl Iterator<Item = &'a ObservedSlice>,
    default_port: u16,
    of: fn(&ObservedSlice) -> &BTreeMap<String, IpAddr>,
) -> BTreeSet<SocketAddr> {
    let mut routers: BTreeMap<&str, SocketAddr> = BTreeMap::new();
    for slice in slices {
        let port = slice.admin_port.unwrap_or(default_port);
        for (target, address) in of(slice) {
            routers
                .entry(target)
                .or_insert_with(|| SocketAddr::new(*address, port));
        }
    }
    routers.into_values().collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::discovery::v1::EndpointSlice;

    use super::{admin_addresses, coming_addresses, observe};

    fn slice(name: &str, address: &str, ready: Option<bool>, port: &str) -> EndpointSlice {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": name},
            "addressType": "IPv4", "ports": [{"name": port, "port": 9999}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": ready},
                "targetRef": {"kind": "Pod", "name": "router-0", "uid": "pod-0"}}],
        }))
        .expect("a well-formed slice")
    }

    fn addresses(slices: &[EndpointSlice]) -> Vec<String> {
        let observed: Vec<_> = slices.iter().map(observe).collect();
        admin_addresses(observed.iter(), 9090)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn only_ready_endpoints_count_and_unstated_readiness_is_ready() {
        assert!(addresses(&[slice("s", "10.0.0.1", Some(false), "admin")]).is_empty());
        assert_eq!(
            addresses(&[slice("s", "10.0.0.1", None, "admin")]),
            ["10.0.0.1:9999"]
        );
    }

    #[test]
    fn who_is_not_ready_and_does_not_leave_is_about_to_come() {
        let mut leaving = slice("s", "10.0.0.1", Some(false), "admin");
        let coming = observe(&leaving);
        let address: std::net::SocketAddr = "10.0.0.1:9999".parse().expect("an address");
        assert_eq!(coming_addresses([&coming].into_iter(), 9090), [address].into());
        if let Some(conditions) = &mut leaving.endpoints[0].conditions {
            conditions.terminating = Some(true);
        }
        assert!(coming_addresses([&observe(&leaving)].into_iter(), 9090).is_empty());
    }

    #[test]
    fn a_slice_without_an_admin_port_gets_the_default() {
        assert_eq!(
            addresses(&[slice("s", "10.0.0.1", Some(true), "http")]),
            ["10.0.0.1:9090"]
        );
    }

    #[test]
    fn a_pod_with_two_addresses_is_one_router() {
        let pair = [
            slice("v4", "10.0.0.1", None, "admin"),
            slice("v6", "fd00::1", None, "admin"),
        ];
        assert_eq!(addresses(&pair), ["10.0.0.1:9999"]);
    }
}
