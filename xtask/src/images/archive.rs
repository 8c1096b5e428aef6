//! Tar files that depend on nothing but what is in them: entries in the order of their paths, one owner, one
//! time, and the plain `ustar` format, which every reader knows.

use std::collections::BTreeMap;

use anyhow::Context as _;
use tar::{Builder, EntryType, Header};

/// What a tar file holds: paths from its root, without a leading slash.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<String, Node>);

#[derive(Debug)]
enum Node {
    Folder,
    File { mode: u32, bytes: Vec<u8> },
}

impl Tree {
    /// With a file that everybody may read, and the folders above it.
    pub(super) fn with_file(self, path: &str, bytes: Vec<u8>) -> Self {
        self.with(path, Node::File { mode: 0o644, bytes })
    }

    /// With a file that everybody may run, and the folders above it.
    pub(super) fn with_program(self, path: &str, bytes: Vec<u8>) -> Self {
        self.with(path, Node::File { mode: 0o755, bytes })
    }

    fn with(mut self, path: &str, node: Node) -> Self {
        for (end, _) in path.match_indices('/') {
            self.0.insert(path[..=end].to_owned(), Node::Folder);
        }
        self.0.insert(path.to_owned(), node);
        self
    }

    /// The tar file's bytes. Everything in it is root's, and of the time `epoch`, in seconds since 1970.
    pub(super) fn tar(&self, epoch: u32) -> anyhow::Result<Vec<u8>> {
        let mut builder = Builder::new(Vec::new());
        for (path, node) in &self.0 {
            let (kind, mode, bytes) = match node {
                Node::Folder => (EntryType::Directory, 0o755, &[][..]),
                Node::File { mode, bytes } => (EntryType::Regular, *mode, &bytes[..]),
            };
            let mut header = header(kind, mode, epoch);
            header.set_size(u64::try_from(bytes.len())?);
            builder
                .append_data(&mut header, path, bytes)
                .with_context(|| format!("{path} can't be put into a tar file"))?;
        }
        Ok(builder.into_inner()?)
    }
}

fn header(kind: EntryType, mode: u32, epoch: u32) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(epoch.into());
    header
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn the_order_of_making_leaves_no_trace() {
        let one = Tree::default()
            .with_file("a/b", b"1".to_vec())
            .with_program("c", b"2".to_vec());
        let other = Tree::default()
            .with_program("c", b"2".to_vec())
            .with_file("a/b", b"1".to_vec());
        assert_eq!(one.tar(7).unwrap(), other.tar(7).unwrap());
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_all_of_it_is_roots() {
        let bytes = Tree::default()
            .with_file("etc/ssl/x", b"1".to_vec())
            .tar(7)
            .unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(
                (
                    header.uid().unwrap(),
                    header.gid().unwrap(),
                    header.mtime().unwrap()
                ),
                (0, 0, 7)
            );
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            (path, header.mode().unwrap())
        });
        let expected = [("etc/", 0o755), ("etc/ssl/", 0o755), ("etc/ssl/x", 0o644)];
        assert_eq!(
            entries.collect::<Vec<_>>(),
            expected.map(|(path, mode)| (path.to_owned(), mode))
        );
    }
}
