//! Which call a piece of one belongs to. Targets number them by `index`; some leave it out or give every call
//! the same, and then a new id tells the next call.

/// The calls of an answer so far: where the target put them and what it calls them.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Known>);

#[derive(Debug)]
struct Known {
    index: Option<u64>,
    id: Option<String>,
}

/// Where a piece belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which call of the answer, from 0.
    pub(super) call: u32,
    /// Whether the call begins here.
    pub(super) is_new: bool,
}

impl Calls {
    /// Where a piece belongs, by what it says of itself.
    pub(super) fn place(&mut self, index: Option<u64>, id: Option<&str>, name: Option<&str>) -> Place {
        let id = id.filter(|id| !id.is_empty());
        if let Some(place) = self.known(index, id, name) {
            return at(place, false);
        }
        self.0.push(Known {
            index,
            id: id.map(str::to_owned),
        });
        at(self.0.len() - 1, true)
    }

    fn known(&self, index: Option<u64>, id: Option<&str>, name: Option<&str>) -> Option<usize> {
        let by_index = |known: &Known| known.index == index;
        match (index, id) {
            (Some(_), None) => self.0.iter().rposition(by_index),
            (Some(_), Some(id)) => {
                let place = self.0.iter().rposition(by_index)?;
                let other = self.0[place].id.as_deref().is_some_and(|known| known != id);
                (!other).then_some(place)
            }
            (None, Some(id)) => self.0.iter().rposition(|known| known.id.as_deref() == Some(id)),
            (None, None) if name.is_some() => None,
            (None, None) => self.0.len().checked_sub(1),
        }
    }

    /// Whether nothing was called.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn at(place: usize, is_new: bool) -> Place {
    Place {
        call: u32::try_from(place).unwrap_or(u32::MAX),
        is_new,
    }
}
