//! How the policies of one namespace refer to each other: circles, and the order in which to build them.
//!
//! No recursion here: references come from users, and a chain of ten thousand policies must not overflow
//! the stack before it is refused for its depth.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The names that each policy refers to.
pub(crate) type References<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// The shortest way from `start` back to itself, both ends included; `None` if there is none.
pub(crate) fn cycle<'a>(references: &References<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(name) = queue.pop_front() {
        for next in references.get(name).into_iter().flatten().copied() {
            if next == start {
                return Some(way(&came_from, start, name));
            }
            if references.contains_key(next) && !came_from.contains_key(next) {
                came_from.insert(next, name);
                queue.push_back(next);
            }
        }
    }
    None
}

/// `start`, the names up to `last`, and `start` again.
fn way<'a>(came_from: &BTreeMap<&'a str, &'a str>, start: &'a str, last: &'a str) -> Vec<&'a str> {
    let back = std::iter::successors(Some(last), |name| {
        came_from.get(name).copied().filter(|_| *name != start)
    });
    let mut names: Vec<&str> = std::iter::once(start)
        .chain(back.take_while(|name| *name != start))
        .collect();
    names.push(start);
    names.reverse();
    names
}

/// Every policy after those that it refers to. Those in `cyclic` come first: nobody waits for them.
pub(crate) fn order<'a>(references: &References<'a>, cyclic: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wanted_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, wanted) in references.iter().filter(|(name, _)| !cyclic.contains(*name)) {
        let wanted: BTreeSet<&str> = wanted
            .iter()
            .copied()
            .filter(|name| references.contains_key(name))
            .collect();
        waiting.insert(name, wanted.len());
        for other in wanted {
            wanted_by.entry(other).or_default().push(name);
        }
    }
    let free = waiting
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| *name);
    let mut order: Vec<&str> = cyclic.iter().copied().chain(free).collect();
    let mut at = 0;
    while let Some(done) = order.get(at).copied() {
        for name in wanted_by.get(done).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    order.push(name);
                }
            }
        }
        at += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{References, cycle, order};

    fn references<'a>(edges: &[(&'a str, &[&'a str])]) -> References<'a> {
        edges
            .iter()
            .map(|(name, wanted)| (*name, wanted.to_vec()))
            .collect()
    }

    #[test]
    fn a_circle_is_told_from_each_of_its_members() {
        let circle = references(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
        assert_eq!(cycle(&circle, "a"), Some(vec!["a", "b", "c", "a"]));
        assert_eq!(cycle(&circle, "b"), Some(vec!["b", "c", "a", "b"]));
        assert_eq!(cycle(&circle, "d"), None, "it only leads into the circle");
    }

    #[test]
    fn a_policy_that_names_itself_is_a_circle() {
        assert_eq!(cycle(&references(&[("a", &["a"])]), "a"), Some(vec!["a", "a"]));
    }

    #[test]
    fn what_is_not_there_is_no_circle() {
        assert_eq!(cycle(&references(&[("a", &["gone"])]), "a"), None);
    }

    #[test]
    fn policies_come_after_what_they_name() {
        let graph = references(&[
            ("a", &["b", "c", "b"]),
            ("b", &["c"]),
            ("c", &["gone"]),
            ("x", &["x"]),
        ]);
        assert_eq!(order(&graph, &["x"].into()), ["x", "c", "b", "a"]);
    }

    #[test]
    fn a_long_line_of_policies_does_not_overflow_the_stack() {
        let names: Vec<String> = (0..20_000).map(|n| format!("p{n:05}")).collect();
        let graph: References<'_> = names
            .windows(2)
            .map(|pair| (pair[0].as_str(), vec![pair[1].as_str()]))
            .collect();
        assert_eq!(cycle(&graph, "p00000"), None);
        assert_eq!(order(&graph, &[].into()).len(), 19_999);
    }
}
