//! Who is let in by `weir serve`. Nobody gets to spend a provider's key from elsewhere by accident: without
//! AccessKeys only this machine is listened to.

use weir_policy::document::Documents;
use weir_router::Admission;

use crate::args::Serve;
use crate::error::Error;
use crate::{files, load};

/// Who must have a key, by the address that is listened on and what the files hold now. An address that others
/// can reach never opens later, whatever becomes of the files.
pub(super) fn of(args: &Serve) -> Result<Admission, Error> {
    if args.allow_unauthenticated {
        return Ok(Admission::KeysOrNone);
    }
    let listen = args.addresses.listen;
    if listen.ip().is_loopback() {
        return Ok(Admission::KeysIfAny);
    }
    let inputs = files::read(&args.paths, args.depth()).map_err(|error| Error::Usage(error.to_string()))?;
    if holds_access_key(&load::documents(&inputs, &args.system)) {
        return Ok(Admission::Keys);
    }
    Err(Error::Usage(format!(
        "--listen {listen}: others can reach this address, and the files hold no AccessKey, so that whoever \
         does would spend what the providers' keys pay for. Add an AccessKey, listen on 127.0.0.1, or say \
         --allow-unauthenticated"
    )))
}

fn holds_access_key(documents: &Documents) -> bool {
    let mut namespaces = documents.snapshot.namespaces.values();
    namespaces.any(|namespace| !namespace.access_keys.is_empty())
}
