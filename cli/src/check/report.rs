//! What is to be said of a set of files: a value, made from what was read and what the compiler made of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use weir_policy::compile::Compiled;
use weir_policy::document::{DocumentProblem, Documents, Place};
use weir_policy::object::ObjectRef;
use weir_policy::verdict::Verdict;
use weir_table::{Scope, Violation};

use super::rule::Rule;
use crate::load::NotChecked;

/// Everything that is to be said.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Counts.
    pub(crate) summary: Summary,
    /// The objects that were judged, as they stand in the files.
    pub(crate) objects: Vec<Subject>,
    /// What is wrong or odd, as it stands in the files.
    pub(crate) findings: Vec<Finding>,
    /// Kinds to which no reference was followed.
    pub(crate) not_checked: Vec<NotChecked>,
}

/// How much was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) objects: usize,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
}

/// One object.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Subject {
    /// Kind, namespace and name.
    pub(crate) object: String,
    #[serde(flatten)]
    pub(crate) place: Option<Spot>,
    /// The targets of a policy in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) targets: Option<String>,
}

/// One thing to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Finding {
    #[serde(flatten)]
    pub(crate) place: Option<Spot>,
    /// The object that it is about, if that much can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<String>,
    pub(crate) level: Level,
    #[serde(rename = "cause")]
    pub(crate) rule: Rule,
    /// Where in the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    pub(crate) message: String,
}

/// A file and the line at which a document begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Spot {
    pub(crate) file: String,
    pub(crate) line: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// The cluster would not serve it.
    Error,
    /// The cluster would serve it.
    Warning,
}

impl Report {
    /// What is to be said of `documents`, which were compiled to `compiled`.
    pub(crate) fn new(
        documents: &Documents,
        compiled: &BTreeMap<Scope, Compiled>,
        not_checked: Vec<NotChecked>,
    ) -> Self {
        let verdicts = || compiled.values().flat_map(|compiled| &compiled.verdicts);
        let place = |object: &ObjectRef| documents.places.get(object).map(Spot::from);
        let defects = compiled
            .values()
            .filter_map(|compiled| compiled.table.as_ref().err())
            .flatten();
        let mut findings: Vec<Finding> = verdicts()
            .flat_map(|verdict| of_verdict(verdict, place(&verdict.object).as_ref()))
            .chain(documents.problems.iter().map(of_document))
            .chain(defects.map(defect))
            .collect();
        findings.sort();
        let mut objects: Vec<Subject> = verdicts()
            .map(|verdict| subject(verdict, place(&verdict.object)))
            .collect();
        objects.sort_by(|a, b| a.place.cmp(&b.place));
        let count = |level| findings.iter().filter(|finding| finding.level == level).count();
        let summary = Summary {
            objects: objects.len(),
            errors: count(Level::Error),
            warnings: count(Level::Warning),
        };
        Self {
            summary,
            objects,
            findings,
            not_checked,
        }
    }

    /// Whether the cluster would take all of it.
    pub(crate) fn is_in_order(&self) -> bool {
        self.summary.errors == 0
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl From<&Place> for Spot {
    fn from(place: &Place) -> Self {
        Self {
            file: place.source.clone(),
            line: place.line,
        }
    }
}

fn subject(verdict: &Verdict, place: Option<Spot>) -> Subject {
    let policy = verdict.policy.as_ref();
    Subject {
        object: verdict.object.to_string(),
        place,
        targets: policy
            .map(|policy| policy.targets.clone())
            .filter(|targets| !targets.is_empty()),
    }
}

fn of_verdict(verdict: &Verdict, place: Option<&Spot>) -> Vec<Finding> {
    let finding = |level, rule, path: &str, message: &str| Finding {
        place: place.cloned(),
        object: Some(verdict.object.to_string()),
        level,
        rule,
        path: Some(path.to_owned()),
        message: message.to_owned(),
    };
    let problems = verdict.problems.iter();
    let problems = problems.map(|it| finding(Level::Error, Rule::Cause(it.cause), &it.path, &it.message));
    let warnings = verdict.warnings.iter();
    let warnings = warnings.map(|it| finding(Level::Warning, Rule::Advice, &it.path, &it.message));
    problems.chain(warnings).collect()
}

fn of_document(problem: &DocumentProblem) -> Finding {
    Finding {
        place: Some(Spot::from(&problem.place)),
        object: problem.object.clone(),
        level: Level::Error,
        rule: Rule::Document,
        path: None,
        message: problem.message.clone(),
    }
}

fn defect(violation: &Violation) -> Finding {
    Finding {
        place: None,
        object: None,
        level: Level::Error,
        rule: Rule::Defect,
        path: Some(violation.path.clone()),
        message: violation.message.clone(),
    }
}
