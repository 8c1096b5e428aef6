//! The ways to write a table down. Readers know all of them; who writes chooses the oldest that any of its readers
//! needs. A new way is added here, and the oldest one goes, when a reader that does not know what is new must refuse
//! the table rather than pass over it.
//!
//! An operator reads what another one wrote, too, and loses what is served as it was before if it can't. So the release
//! that brings a way only reads it, and the next one writes it: whoever goes back one release reads all there is. The
//! first release is the exception, since there is nothing to go back to.

use std::sync::Arc;

use crate::model::{Model, Node, Table};

/// A way to write a table down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Every field of a model is written.
    One,
    /// What a model's own name says is not written a second time, which makes a table a quarter to a third smaller.
    Two,
}

impl Format {
    /// All that this code reads and writes, newest first.
    pub const ALL: [Self; 2] = [Self::Two, Self::One];
    /// The one to write when nothing is known of the readers.
    pub const OLDEST: Self = Self::One;
    /// The one to write when all readers are known to be as new as this code.
    pub const NEWEST: Self = Self::Two;

    /// The number that stands in a document.
    pub const fn number(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// The format with this number; `None` if this code does not know it.
    pub fn of_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.number() == number)
    }

    /// The table as its fields are written.
    pub(crate) fn written(self, table: &Table) -> Table {
        let mut table = table.clone();
        if self == Self::Two {
            each_model(&mut table, shorten);
        }
        table
    }

    /// The table whose fields were written so.
    pub(crate) fn read(self, mut table: Table) -> Table {
        if self == Self::Two {
            each_model(&mut table, complete);
        }
        table
    }
}

fn each_model(table: &mut Table, change: fn(&mut Model)) {
    for policy in table.policies.values_mut() {
        each_model_below(&mut policy.root, change);
    }
}

fn each_model_below(node: &mut Node, change: fn(&mut Model)) {
    match node {
        Node::Model(model) => change(Arc::make_mut(model)),
        Node::Split(split) => {
            for target in &mut Arc::make_mut(split).targets {
                each_model_below(&mut target.node, change);
            }
        }
        Node::Chain(chain) => {
            for rung in &mut Arc::make_mut(chain).rungs {
                each_model_below(&mut rung.node, change);
            }
        }
    }
}

/// What a model's name says of its provider and of what that calls it.
fn said(model: &Model) -> Option<(String, String)> {
    let (provider, rest) = model.model.split_once('/')?;
    let upstream = match &model.region {
        Some(region) => rest.strip_suffix(region.as_str())?.strip_suffix('@')?,
        None => rest,
    };
    Some((provider.to_owned(), upstream.to_owned()))
}

fn shorten(model: &mut Model) {
    if let Some((provider, upstream)) = said(model) {
        if model.provider == provider {
            model.provider.clear();
        }
        if model.upstream == upstream {
            model.upstream.clear();
        }
    }
}

fn complete(model: &mut Model) {
    if let Some((provider, upstream)) = said(model) {
        if model.provider.is_empty() {
            model.provider = provider;
        }
        if model.upstream.is_empty() {
            model.upstream = upstream;
        }
    }
}
