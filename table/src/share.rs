//! What is equal stands once: policies name the same few models again and again, and a policy that another one holds
//! is a table's own as well. That two places have one value changes nothing of what a table says.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Node, Table};
use crate::price::Prices;

/// So many different ones of one name are told apart; more of them are left as they are, so that the time that this
/// takes stays in step with the table's size.
const OF_ONE_NAME: usize = 64;

/// Makes one of what is equal in `table`, and of what was as it is in the table `before`.
pub(crate) fn share(table: &mut Table, before: Option<&Table>) {
    let mut known = Known::default();
    for policy in before.into_iter().flat_map(|table| table.policies.values()) {
        known.learn(&policy.root);
    }
    for policy in table.policies.values_mut() {
        known.visit(&mut policy.root);
    }
}

/// Every node seen so far, by the name of its policy or model.
#[derive(Default)]
struct Known(HashMap<String, Vec<Node>>);

impl Known {
    fn learn(&mut self, node: &Node) {
        node.children().for_each(|child| self.learn(child));
        self.one(node);
    }

    /// What somebody else holds is left as it is: it can't be changed, only copied.
    fn visit(&mut self, node: &mut Node) {
        match node {
            Node::Model(_) => {}
            Node::Split(split) => {
                if let Some(split) = Arc::get_mut(split) {
                    split.targets.shrink_to_fit();
                    let nodes = split.targets.iter_mut().map(|target| &mut target.node);
                    nodes.for_each(|node| self.visit(node));
                }
            }
            Node::Chain(chain) => {
                if let Some(chain) = Arc::get_mut(chain) {
                    chain.rungs.shrink_to_fit();
                    let nodes = chain.rungs.iter_mut().map(|rung| &mut rung.node);
                    nodes.for_each(|node| self.visit(node));
                }
            }
        }
        if let Some(one) = self.one(node) {
            *node = one;
        }
    }

    /// The one that is equal to `node`; `None` if that is now `node` itself.
    fn one(&mut self, node: &Node) -> Option<Node> {
        let name = node.name();
        let Some(known) = self.0.get_mut(name) else {
            self.0.insert(name.to_owned(), vec![node.clone()]);
            return None;
        };
        let one = known
            .iter()
            .find(|known| *known == node && !has_negative_zero(known) && !has_negative_zero(node));
        if one.is_none() && known.len() < OF_ONE_NAME {
            known.push(node.clone());
            return None;
        }
        one.cloned()
    }
}

/// Whether some number of `node` is -0, which equals 0 and is written otherwise.
fn has_negative_zero(node: &Node) -> bool {
    let is = |number: f64| number == 0.0 && number.is_sign_negative();
    let own = match node {
        Node::Split(split) => split.targets.iter().any(|target| is(target.weight)),
        Node::Chain(_) => false,
        Node::Model(model) => {
            let Prices {
                input,
                output,
                cache_read,
                cache_write,
            } = model.prices;
            [input, output, cache_read, cache_write]
                .into_iter()
                .flatten()
                .any(is)
        }
    };
    own || node.children().any(has_negative_zero)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::Prices;
    use crate::model::{Model, Node, Policy, Scope, Split, SplitTarget, Table};

    use super::{OF_ONE_NAME, share};

    fn model(name: &str, price: f64) -> Node {
        Node::from(Model {
            model: name.to_owned(),
            provider: "p".to_owned(),
            upstream: name.to_owned(),
            region: None,
            credential: None,
            context_window: None,
            reasoning: false,
            prices: Prices {
                input: Some(price),
                ..Prices::default()
            },
        })
    }

    fn split(name: &str, targets: Vec<(&str, Node)>) -> Node {
        let targets = targets
            .into_iter()
            .map(|(name, node)| SplitTarget::new(name.to_owned(), 1.0, node));
        let targets = targets.collect();
        Node::from(Split::new(name.to_owned(), name.to_owned(), Vec::new(), targets))
    }

    fn table(roots: Vec<Node>) -> Table {
        let policy = |root: Node| {
            let name = root.name().to_owned();
            let policy = Policy {
                kind: crate::ModelKind::Chat,
                expose_to: [].into(),
                root,
            };
            (name, policy)
        };
        Table {
            policies: roots.into_iter().map(policy).collect(),
            ..Table::empty(Scope::Namespace("ns".to_owned()))
        }
    }

    /// Where a node of `table` is: the root of `policy`, or what is below that at `way`.
    fn place(table: &Table, policy: &str, way: &[usize]) -> *const u8 {
        let mut node = &table.policies[policy].root;
        for at in way {
            node = node.children().nth(*at).unwrap();
        }
        match node {
            Node::Model(model) => Arc::as_ptr(model).cast(),
            Node::Split(split) => Arc::as_ptr(split).cast(),
            Node::Chain(chain) => Arc::as_ptr(chain).cast(),
        }
    }

    #[test]
    fn equal_models_of_a_table_are_one_and_different_ones_are_not() {
        let a = || vec![("m", model("p/m", 1.0)), ("n", model("p/n", 1.0))];
        let b = vec![("m", model("p/m", 1.0)), ("n", model("p/n", 2.0))];
        let mut shared = table(vec![split("a", a()), split("b", b)]);
        let before = shared.clone();
        share(&mut shared, None);
        assert_eq!(shared, before);
        // Its copy holds all of it.
        assert_ne!(place(&shared, "a", &[0]), place(&shared, "b", &[0]));
        drop(before);
        share(&mut shared, None);
        assert_eq!(place(&shared, "a", &[0]), place(&shared, "b", &[0]));
        assert_ne!(place(&shared, "a", &[1]), place(&shared, "b", &[1]));
    }

    #[test]
    fn a_policy_below_another_is_the_tables_own_where_they_are_equal() {
        let inner = || split("inner", vec![("m", model("p/m", 1.0))]);
        let mut shared = table(vec![
            split("before", vec![("policy/inner", inner())]),
            inner(),
            split(
                "other",
                vec![("policy/inner", split("inner", vec![("m", model("p/m", 2.0))]))],
            ),
            split("then", vec![("policy/inner", inner())]),
        ]);
        let digest = crate::codec::encode(&shared, crate::Format::NEWEST).digest;
        share(&mut shared, None);
        let own = place(&shared, "inner", &[]);
        assert_eq!(
            [own, own],
            ["before", "then"].map(|name| place(&shared, name, &[0]))
        );
        assert_ne!(place(&shared, "other", &[0]), own);
        assert_eq!(
            crate::codec::encode(&shared, crate::Format::NEWEST).digest,
            digest
        );
    }

    #[test]
    fn what_was_so_before_is_still_the_same_and_nothing_else_of_before_is_held() {
        let old = || {
            table(vec![
                split("a", vec![("m", model("p/m", 1.0))]),
                split("gone", vec![("n", model("p/n", 1.0))]),
            ])
        };
        let (mut before, mut after) = (
            old(),
            table(vec![
                split("a", vec![("m", model("p/m", 1.0))]),
                split("b", vec![("m", model("p/m", 1.0))]),
            ]),
        );
        share(&mut before, None);
        share(&mut after, Some(&before));
        assert_eq!(place(&after, "a", &[]), place(&before, "a", &[]));
        assert_eq!(place(&after, "b", &[0]), place(&before, "a", &[0]));
        let Node::Split(gone) = &before.policies["gone"].root else {
            panic!("no split")
        };
        assert_eq!(Arc::strong_count(gone), 1);
    }

    #[test]
    fn what_is_written_otherwise_is_not_one_though_it_is_equal() {
        let roots = [0.0, -0.0].map(|price| split(&format!("p{price}"), vec![("m", model("p/m", price))]));
        let mut shared = table(roots.into());
        let digest = crate::codec::encode(&shared, crate::Format::NEWEST).digest;
        share(&mut shared, None);
        assert_eq!(
            crate::codec::encode(&shared, crate::Format::NEWEST).digest,
            digest
        );
    }

    #[test]
    fn very_many_different_ones_of_one_name_are_left_as_they_are() {
        let nodes = (0..1_000_u32).map(|price| ("m", model("p/m", f64::from(price % 500))));
        let roots = nodes
            .enumerate()
            .map(|(at, node)| split(&format!("p{at}"), vec![node]));
        let mut shared = table(roots.collect());
        let before = shared.policies.len();
        share(&mut shared, None);
        let same = |first: usize| {
            place(&shared, &format!("p{first}"), &[0]) == place(&shared, &format!("p{}", first + 500), &[0])
        };
        assert_eq!(before, 1_000);
        assert_eq!((0..500).filter(|first| same(*first)).count(), OF_ONE_NAME);
    }
}
