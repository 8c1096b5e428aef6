//! What a seed stands for: policies over one to four providers, how each of these behaves, and what callers
//! ask. Also what a policy lets a request reach, which is all that the promises know of policies.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use weir_table::{Backoff, BaseUrl, Chain, Dialect, FailureClass, Node, Rung as TableRung, Table, Timeouts};

use crate::answer::Wanted;
use crate::dice::{Dice, Purpose};
use crate::fault::Fault;
use crate::internet::host;
use crate::tables::{chain, model, provider, rung, split, table};
use crate::wording::Voice;

/// How long a request may take where nobody says.
const DEADLINE: Duration = Duration::from_mins(10);

/// Everything that a seed stands for.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// The policies.
    pub(crate) table: Table,
    /// The providers that they name.
    pub(crate) providers: Vec<Manners>,
    /// The requests.
    pub(crate) asks: Vec<Ask>,
    /// What they all want.
    pub(crate) wanted: Wanted,
    /// How they follow each other.
    pub(crate) pace: Pace,
    root: Node,
}

/// What is asked for in a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Answers in one piece.
    Plain,
    /// Streams.
    Streamed,
}

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Each waits for the end of the one before.
    InTurn,
    /// None waits.
    Together,
}

/// How a provider behaves.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// How often something goes wrong, in percent.
    faults: u64,
    /// What goes wrong, if it is always the same.
    always: Option<Fault>,
    /// How it speaks.
    pub(crate) voice: Voice,
    /// For how long it keeps connections.
    pub(crate) idle: Duration,
    /// How long the way to it is, in milliseconds.
    pub(crate) latency: (u64, u64),
    /// When nothing gets through to it or back.
    pub(crate) held: Option<Range<Duration>>,
}

impl Manners {
    fn draw(dice: &mut Dice, wanted: Wanted) -> Self {
        let faults = dice.pick(&[0, 30, 60, 100]);
        let least = dice.between(0, 20);
        let held = dice.maybe(15, |dice| {
            let from = dice.millis(0, 10_000);
            from..from + dice.millis(100, 20_000)
        });
        Self {
            faults,
            voice: dice.pick(&[Voice::OpenAi, Voice::OpenAi, Voice::Anthropic]),
            always: dice.maybe(40, |dice| Fault::draw(dice, wanted)),
            idle: dice.millis(0, 6_000),
            latency: (least, least + dice.between(0, 20)),
            held,
        }
    }

    /// What goes wrong this time.
    pub(crate) fn fault(&self, dice: &mut Dice, wanted: Wanted) -> Fault {
        if dice.happens(self.faults) {
            self.always.unwrap_or_else(|| Fault::draw(dice, wanted))
        } else {
            Fault::None
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// How long after the one before, or its begin.
    pub(crate) gap: Duration,
    /// What it names.
    pub(crate) model: String,
    /// The key of its hash.
    pub(crate) key: String,
    /// What it asks for.
    pub(crate) wanted: Wanted,
    /// How long its caller says that it waits, in seconds.
    pub(crate) patience: Option<f64>,
    /// After which time its caller leaves without a word.
    pub(crate) leaves: Option<Duration>,
}

/// A rung that a request may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rung {
    /// Its provider.
    pub(crate) provider: usize,
    /// How often it may be asked again.
    pub(crate) retries: u8,
}

/// What a request may reach, and how it is to be tried.
#[derive(Debug)]
pub(crate) struct Way {
    /// The rungs, in order.
    pub(crate) rungs: Vec<Rung>,
    /// Until when, after the request came, its answer must have begun.
    pub(crate) limit: Duration,
    /// Whether there is a chain on it.
    pub(crate) chain: bool,
    /// Whether every chain on it goes by the product's table, and has no time of its own within another.
    pub(crate) by_the_book: bool,
}

impl Schedule {
    /// The schedule that `seed` stands for.
    pub(crate) fn of(seed: u64, kind: Kind) -> Self {
        let mut dice = Dice::of(seed, Purpose::Schedule);
        let mut wanted = Wanted {
            streamed: kind == Kind::Streamed,
            choices: dice.pick(&[1, 1, 1, 2]),
        };
        let providers: Vec<_> = (0..dice.count(1, 4))
            .map(|_| Manners::draw(&mut dice, wanted))
            .collect();
        // Not every dialect has more than one.
        if providers.iter().any(|manners| manners.voice != Voice::OpenAi) {
            wanted.choices = 1;
        }
        let root = policy(&mut dice, providers.len());
        let asks = (0..dice.pick(&[1, 2, 3, 8]))
            .map(|_| ask(&mut dice, wanted, &root))
            .collect();
        let entries: Vec<_> = (0..providers.len())
            .map(|at| (format!("p{at}"), entry(&mut dice, at, providers[at].voice)))
            .collect();
        let named = entries.iter().map(|(name, entry)| (name.as_str(), entry.clone()));
        let mut schedule = Self {
            table: table(named.collect(), vec![root.clone()]),
            providers,
            asks,
            wanted,
            pace: Pace::InTurn,
            root,
        };
        if dice.happens(30) {
            schedule.pace = Pace::Together;
            schedule.asks.iter_mut().for_each(|ask| ask.gap /= 8);
        }
        schedule
    }

    /// What `ask` may reach.
    pub(crate) fn way(&self, ask: &Ask) -> Way {
        let mut way = Way {
            rungs: Vec::new(),
            limit: DEADLINE,
            chain: false,
            by_the_book: true,
        };
        match ask
            .model
            .strip_prefix('p')
            .and_then(|rest| rest.strip_suffix("/m"))
        {
            Some(provider) if !ask.model.starts_with("policy/") => way.rungs.push(Rung {
                provider: provider.parse().unwrap(),
                retries: 0,
            }),
            _ => walk(&self.root, &ask.key, 0, Outer::Nothing, &mut way),
        }
        if let Some(patience) = ask.patience {
            way.limit = way.limit.min(Duration::from_secs_f64(patience));
        }
        way
    }

    /// The policies, for people.
    pub(crate) fn policies(&self) -> String {
        let providers: Vec<_> = self
            .providers
            .iter()
            .map(|manners| format!("{manners:?}"))
            .collect();
        format!("{}\n{:?}", providers.join("\n"), self.root)
    }
}

/// Whether a node stands in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outer {
    Nothing,
    Chain,
}

fn walk(node: &Node, key: &str, retries: u8, outer: Outer, way: &mut Way) {
    match node {
        Node::Model(model) => way.rungs.push(Rung {
            provider: model.provider[1..].parse().unwrap(),
            retries,
        }),
        Node::Split(split) => {
            let chosen = split.select(key.as_bytes()).unwrap();
            walk(&chosen.node, key, 0, outer, way);
        }
        Node::Chain(chain) => {
            if let (Outer::Nothing, Some(limit)) = (outer, chain.deadline_ms) {
                way.limit = Duration::from_millis(limit);
            }
            way.chain = true;
            way.by_the_book &= chain.on.is_none() && (outer == Outer::Nothing || chain.deadline_ms.is_none());
            for rung in &chain.rungs {
                walk(&rung.node, key, rung.retries, Outer::Chain, way);
            }
        }
    }
}

fn entry(dice: &mut Dice, at: usize, voice: Voice) -> weir_table::Provider {
    weir_table::Provider {
        base_url: BaseUrl::parse(&format!("http://{}/v1", host(at))).unwrap(),
        timeouts: timeouts(dice),
        dialect: match voice {
            Voice::OpenAi => Dialect::OpenAI,
            Voice::Anthropic => Dialect::Anthropic,
        },
        ..provider(([127, 0, 0, 1], 1).into())
    }
}

fn timeouts(dice: &mut Dice) -> Timeouts {
    let least = 700;
    Timeouts {
        connect_ms: dice.maybe(50, |dice| dice.between(200, 3_000)),
        first_token_ms: dice.maybe(50, |dice| dice.between(least, 5_000)),
        stall_ms: dice.maybe(50, |dice| dice.between(least, 5_000)),
        attempt_ms: dice.maybe(50, |dice| dice.between(least, 10_000)),
    }
}

/// A policy called `root`.
fn policy(dice: &mut Dice, providers: usize) -> Node {
    match dice.between(1, 10) {
        1 => split("root", targets(dice, |dice, _| any_model(dice, providers))),
        2 | 3 => split(
            "root",
            targets(dice, |dice, at| {
                ladder(dice, providers, &format!("ladder-{at}"), Inner::None)
            }),
        ),
        4..=6 => ladder(dice, providers, "root", Inner::Some),
        _ => ladder(dice, providers, "root", Inner::None),
    }
}

fn targets(
    dice: &mut Dice,
    mut draw: impl FnMut(&mut Dice, usize) -> Node,
) -> Vec<(&'static str, f64, Node)> {
    let names = ["a", "b", "c"];
    let many = dice.count(2, 3);
    let target = |(at, name)| (name, 1.0, draw(dice, at));
    names.into_iter().take(many).enumerate().map(target).collect()
}

fn any_model(dice: &mut Dice, providers: usize) -> Node {
    named(dice.count(0, providers - 1))
}

fn named(provider: usize) -> Node {
    model(&format!("p{provider}"), "m")
}

/// Whether a chain has policies below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inner {
    Some,
    None,
}

/// A fallback policy: usually every provider once, in some order.
fn ladder(dice: &mut Dice, providers: usize, name: &str, inner: Inner) -> Node {
    let first = dice.count(0, providers - 1);
    let rungs = (0..providers).map(|at| {
        let usual = (first + at) % providers;
        let provider = if dice.happens(10) {
            dice.count(0, providers - 1)
        } else {
            usual
        };
        match inner {
            Inner::Some if dice.happens(40) => rung(below(dice, providers, &format!("{name}-{at}")), 0),
            _ => TableRung {
                timeouts: if dice.happens(30) {
                    timeouts(dice)
                } else {
                    Timeouts::default()
                },
                ..rung(named(provider), u8::try_from(dice.between(0, 3)).unwrap())
            },
        }
    });
    let rungs = rungs.collect();
    let Node::Chain(chain) = chain(name, rungs) else {
        unreachable!("a chain is a chain")
    };
    let initial_ms = dice.between(10, 1_000);
    Node::from(Chain {
        on: dice.maybe(15, on),
        deadline_ms: dice.maybe(40, |dice| dice.between(1_500, 30_000)),
        backoff: Backoff {
            initial_ms,
            max_ms: initial_ms + dice.between(0, 4_000),
            max_retry_after_ms: dice.between(0, 6_000),
        },
        ..Arc::unwrap_or_clone(chain)
    })
}

fn below(dice: &mut Dice, providers: usize, name: &str) -> Node {
    if dice.happens(50) {
        ladder(dice, providers.min(2), name, Inner::None)
    } else {
        split(name, targets(dice, |dice, _| any_model(dice, providers)))
    }
}

fn on(dice: &mut Dice) -> std::collections::BTreeSet<FailureClass> {
    let of_targets = FailureClass::ALL
        .into_iter()
        .filter(|class| class.origin() == weir_table::Origin::Provider);
    of_targets.filter(|_| dice.happens(60)).collect()
}

fn ask(dice: &mut Dice, wanted: Wanted, root: &Node) -> Ask {
    let first = first_model(root);
    Ask {
        gap: dice.millis(0, 8_000),
        model: dice
            .maybe(8, |_| first)
            .unwrap_or_else(|| "policy/root".to_owned()),
        key: format!("key-{}", dice.between(0, 99)),
        wanted,
        patience: dice
            .maybe(30, |dice| {
                let millis = dice.between(1_500, 20_000);
                dice.maybe(10, |dice| dice.between(1, 999)).unwrap_or(millis)
            })
            .map(|millis| Duration::from_millis(millis).as_secs_f64()),
        leaves: dice.maybe(10, |dice| dice.millis(0, 4_000)),
    }
}

fn first_model(node: &Node) -> String {
    node.models()[0].model.clone()
}
