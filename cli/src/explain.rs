//! `weir explain`: which target a key gets, and why. Reads and compiles, then looks at the tree as a router
//! does; no request is made.

mod arrival;
mod human;
mod name;
mod trace;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use weir_policy::compile::{Compiled, compile_namespace};
use weir_policy::holders::KeyHolders;
use weir_policy::snapshot::Follow;
use weir_table::Node;

use self::arrival::{Arrival, arrive};
pub(crate) use self::name::PolicyName;
use crate::args::{Explain, Format};
use crate::error::{Error, Outcome};
use crate::files;
use crate::load::{self, References};
use crate::out::{Out, Paint};

/// The longest key that a router takes, in bytes.
const MAX_KEY_BYTES: usize = 1_024;

/// Explains what `args` name.
pub(crate) fn run(args: &Explain) -> Result<Outcome, Error> {
    let from_input = |path: &PathBuf| files::is_standard_input(path);
    if args.paths.iter().any(from_input) && args.keys.keys.as_ref().is_some_and(from_input) {
        return Err(Error::Usage(
            "standard input can hold the objects or the keys, not both".to_owned(),
        ));
    }
    let inputs = files::read(&args.paths, args.depth()).map_err(|error| Error::Usage(error.to_string()))?;
    let mut documents = load::documents(&inputs, &args.system);
    load::follow(&mut documents, References::WithinFiles);
    // Who pays has no part in the choice of a target.
    documents.snapshot.checking.secrets = Follow::OnTrust;
    let namespace = args.policy.namespace.as_deref().unwrap_or(&args.namespace);
    let compiled = compile_namespace(&documents.snapshot, &KeyHolders::default(), namespace, None);
    let root = find(&compiled, namespace, &args.policy.name)?;
    let mut out = Out::stdout();
    match (&args.keys.key, &args.keys.keys) {
        (Some(key), _) => one(root, key, args.output, &mut out)?,
        (None, path) => many(
            root,
            path.as_deref().unwrap_or(Path::new("-")),
            args.output,
            &mut out,
        )?,
    }
    out.flush()?;
    Ok(Outcome::Good)
}

/// The tree of a policy, or why there is none.
fn find<'c>(compiled: &'c Compiled, namespace: &str, name: &str) -> Result<&'c Node, Error> {
    let table = compiled.table.as_ref().map_err(|violations| {
        Error::Failed(format!(
            "the table of {namespace} breaks its own rules: {violations:?}"
        ))
    })?;
    if let Some(policy) = table.table().policies.get(name) {
        return Ok(&policy.root);
    }
    let judged =
        |verdict: &&weir_policy::verdict::Verdict| verdict.policy.is_some() && verdict.object.name == name;
    let problems: Vec<String> = compiled
        .verdicts
        .iter()
        .filter(judged)
        .flat_map(|verdict| {
            verdict
                .problems
                .iter()
                .map(|it| format!("\n  {}: {it}", verdict.object))
        })
        .collect();
    if problems.is_empty() {
        let there: Vec<&str> = table.table().policies.keys().map(String::as_str).collect();
        let there = if there.is_empty() {
            "none".to_owned()
        } else {
            there.join(", ")
        };
        return Err(Error::Failed(format!(
            "there is no policy {name} in namespace {namespace}; there: {there}"
        )));
    }
    Err(Error::Failed(format!(
        "policy {name} is not in order:{}",
        problems.concat()
    )))
}

fn one(root: &Node, key: &str, format: Format, out: &mut Out) -> Result<(), Error> {
    accept(key).map_err(|why| Error::Usage(format!("--key {why}")))?;
    let arrival = reached(root, key)?;
    let trace = trace::explain(root, key.as_bytes());
    match format {
        Format::Human => human::write(key, &trace, &arrival, out.paint(), out)?,
        Format::Json => {
            let explained = trace::Explained {
                arrival,
                steps: trace,
            };
            serde_json::to_writer_pretty(&mut *out, &explained).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

/// One line for every key of a file, as they are read.
fn many(root: &Node, path: &Path, format: Format, out: &mut Out) -> Result<(), Error> {
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    let unreadable = |error: io::Error| Error::Usage(format!("cannot read {}: {error}", path.display()));
    for (at, line) in lines(path).map_err(unreadable)?.enumerate() {
        let line = line.map_err(unreadable)?;
        let key = line.strip_suffix('\r').unwrap_or(&line);
        if key.is_empty() {
            continue;
        }
        accept(key).map_err(|why| Error::Usage(format!("{}:{}: the key {why}", path.display(), at + 1)))?;
        let arrival = reached(root, key)?;
        *tally.entry(&arrival.model.model).or_default() += 1;
        match format {
            Format::Human => writeln!(out, "{key}\t{}\t{}", arrival.model.model, arrival.path())?,
            Format::Json => {
                serde_json::to_writer(&mut *out, &arrival).map_err(io::Error::from)?;
                writeln!(out)?;
            }
        }
    }
    out.flush()?;
    if format == Format::Human {
        human::tally(&tally, Paint::Plain, &mut io::stderr().lock())?;
    }
    Ok(())
}

fn reached<'t, 'k>(root: &'t Node, key: &'k str) -> Result<Arrival<'t, 'k>, Error> {
    arrive(root, key)
        .ok_or_else(|| Error::Failed("the policy leads nowhere: all its weights are zero".to_owned()))
}

fn accept(key: &str) -> Result<(), String> {
    match key.len() {
        0 => Err("must not be empty: a router would look at the next source of keys".to_owned()),
        length if length > MAX_KEY_BYTES => Err(format!(
            "must not be longer than {MAX_KEY_BYTES} bytes, and has {length}: a router answers 400"
        )),
        _ => Ok(()),
    }
}

fn lines(path: &Path) -> io::Result<Box<dyn Iterator<Item = io::Result<String>>>> {
    if files::is_standard_input(path) {
        return Ok(Box::new(io::stdin().lock().lines()));
    }
    Ok(Box::new(BufReader::new(File::open(path)?).lines()))
}
