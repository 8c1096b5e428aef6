//! What the router promises, held against what was seen. Each promise is a function of a request; its name
//! says it. They know what a policy lets a request reach, and nothing of how the router does it.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_table::FailureClass;

use crate::fault::{Reach, Truth};
use crate::history::{End, History, Request, Visit, time};
use crate::reply::{Reading, Token, read};

/// The least time that an attempt may begin with.
const LEAST: Duration = Duration::from_secs(1);

/// The longest that schedules let a target wait for its retry.
const LONGEST_WAIT: Duration = Duration::from_secs(6);

/// Timers count in milliseconds, and round up.
const GRAIN: Duration = Duration::from_millis(2);

/// How soon a connection is closed whose answer nobody reads any more; a stream that is whole may take that
/// long to end.
const SOON: Duration = Duration::from_millis(150);

/// A promise: broken by what it says.
type Promise = fn(&Request, &Reading) -> Result<(), String>;

/// All of them.
const PROMISES: [(&str, Promise); 18] = [
    ("every request ends in one answer or one error", ends),
    ("an error is of the vocabulary", error_is_of_the_vocabulary),
    ("an error is one that an attempt really had", error_is_true),
    (
        "content comes from one attempt, in order",
        content_is_of_one_attempt,
    ),
    (
        "nothing is tried after content was sent",
        content_is_of_the_last_attempt,
    ),
    ("what looks whole is whole", whole_is_whole),
    ("what is cut says so", cut_says_so),
    ("attempts are counted truly", attempts_are_counted),
    (
        "rungs are tried in order, no more often than they say",
        rungs_in_order,
    ),
    ("nothing begins or commits too late", in_time),
    ("no provider is asked sooner than it said", never_sooner_than_told),
    ("a silent target is not asked twice", silence_is_final),
    ("a good answer in time is the caller's", good_answers_are_heard),
    ("no rung is left unasked", no_rung_left),
    ("what is worth another try gets it", retries_are_made),
    ("a reply names its target", target_is_named),
    ("nobody is told what they did not ask for", usage_is_not_told),
    (
        "what a chain has tried is not to be tried again",
        chains_are_final,
    ),
];

/// Every promise that was broken.
pub(crate) fn broken(history: &History) -> Vec<String> {
    let of_request = |request: &Request| {
        let reading = match read(&request.reply) {
            Ok(reading) => reading,
            Err(why) => return vec![format!("a reply can be read: {why}")],
        };
        let check = |(name, promise): &(&str, Promise)| {
            let why = promise(request, &reading).err()?;
            Some(format!("{name}: {why}"))
        };
        let mut broken: Vec<String> = PROMISES.iter().filter_map(check).collect();
        broken.extend(left_overs(request));
        broken
    };
    let mut broken: Vec<String> = history.requests.iter().flat_map(of_request).collect();
    if history.in_flight != Some(0) || history.served != 0 {
        broken.push("everything ends: something is still under way".to_owned());
    }
    broken
}

fn ends(request: &Request, reading: &Reading) -> Result<(), String> {
    match (request.reply.end, reading) {
        (End::Never, _) => Err("it never did".to_owned()),
        (End::Broken, Reading::Nothing) => Err("the connection broke before a head".to_owned()),
        (End::Broken, Reading::Error { .. }) => Err("an error broke off".to_owned()),
        (End::Broken, Reading::Plain { .. }) => Err("a small answer broke off".to_owned()),
        _ => Ok(()),
    }
}

fn error_is_of_the_vocabulary(request: &Request, reading: &Reading) -> Result<(), String> {
    let (Reading::Error { class, origin }
    | Reading::Stream {
        error: Some((class, origin)),
        ..
    }) = reading
    else {
        return Ok(());
    };
    let known = known(class).ok_or_else(|| format!("{class} is none"))?;
    ensure(known.origin().as_str() == origin, || {
        format!("{class} is not of {origin}")
    })?;
    let status = request.reply.head.map(|(status, _)| status);
    let expected = match reading {
        Reading::Error { .. } => known.status(),
        _ => 200,
    };
    ensure(status == Some(expected), || format!("{class} came as {status:?}"))
}

fn error_is_true(request: &Request, reading: &Reading) -> Result<(), String> {
    let Some(class) = failure(reading) else {
        return Ok(());
    };
    let seen = request.visits.iter().any(|visit| may_be_called(visit, class));
    let had = seen || (request.lost > 0 && is_of_a_bad_line(class));
    match class {
        FailureClass::DeadlineExceeded => {
            let at = request.reply.head.map_or(request.reply.ended, |(_, at)| at);
            let late = at + LEAST + GRAIN > request.deadline || !request.way.by_the_book;
            ensure(late, || format!("it said so at {}", time(at)))
        }
        // Nothing was asked, then or at the last, because of what had gone wrong before.
        FailureClass::CircuitOpen if !request.troubled.is_empty() => Ok(()),
        _ => ensure(had, || format!("none was {class}")),
    }
}

/// Whether an attempt may fail as `class`.
fn may_be_called(visit: &Visit, class: FailureClass) -> bool {
    let cut_off = visit.asked.is_none() && class == FailureClass::ConnectFailed;
    cut_off || (visit.held && is_of_a_bad_line(class)) || visit.truth.classes.contains(&class)
}

/// Whether `class` may come of a connection that nothing gets through.
fn is_of_a_bad_line(class: FailureClass) -> bool {
    matches!(
        class,
        FailureClass::ConnectFailed
            | FailureClass::FirstTokenTimeout
            | FailureClass::StreamStalled
            | FailureClass::StreamCut
            | FailureClass::Timeout
    )
}

fn content_is_of_one_attempt(_: &Request, reading: &Reading) -> Result<(), String> {
    let choices = tokens(reading);
    let mut visits: Vec<usize> = choices.values().flatten().map(|token| token.visit).collect();
    visits.dedup();
    ensure(visits.len() <= 1, || format!("it comes from {visits:?}"))?;
    for (choice, tokens) in choices {
        let right = tokens
            .iter()
            .enumerate()
            .all(|(nth, token)| token.choice == *choice && token.nth == nth);
        ensure(right, || format!("choice {choice} has {tokens:?}"))?;
    }
    Ok(())
}

fn content_is_of_the_last_attempt(request: &Request, reading: &Reading) -> Result<(), String> {
    let Some(visit) = source(reading) else {
        return Ok(());
    };
    let last = request.visits.last().map(|visit| visit.number);
    ensure(last == Some(visit), || {
        format!("it is v{visit}'s, and the last was {last:?}")
    })
}

fn whole_is_whole(request: &Request, reading: &Reading) -> Result<(), String> {
    let is_whole = match reading {
        Reading::Plain { .. } => request.reply.end == End::Whole,
        Reading::Stream { done, .. } => *done > 0,
        Reading::Nothing | Reading::Error { .. } => false,
    };
    if !is_whole {
        return Ok(());
    }
    let source = source(reading).ok_or("it has no content")?;
    let visit = find(request, source)?;
    ensure(visit.truth.reach == Reach::Whole, || {
        format!("v{source} was never whole")
    })?;
    let choices = tokens(reading);
    let full = choices.len() as u64 == request.ask.wanted.choices
        && choices.values().all(|tokens| tokens.len() == visit.truth.tokens);
    ensure(full, || format!("some of v{source} is missing"))?;
    match reading {
        Reading::Stream { finished, .. } => {
            let all = finished.len() as u64 == request.ask.wanted.choices;
            ensure(all, || format!("only {finished:?} finished"))
        }
        _ => Ok(()),
    }
}

fn cut_says_so(request: &Request, reading: &Reading) -> Result<(), String> {
    let Reading::Stream {
        done,
        error,
        after_end,
        ..
    } = reading
    else {
        return Ok(());
    };
    ensure(*done <= 1, || format!("{done} times done"))?;
    ensure(!after_end, || "something came after the end".to_owned())?;
    ensure(*done == 0 || error.is_none(), || {
        "both done and an error".to_owned()
    })?;
    let ended = *done == 1 || error.is_some() || request.reply.end != End::Whole;
    ensure(ended, || "it just ended".to_owned())
}

fn attempts_are_counted(request: &Request, _: &Reading) -> Result<(), String> {
    if request.reply.head.is_none() {
        return Ok(());
    }
    let said = request.reply.header("x-weir-attempts").ok_or("nothing is said")?;
    let said: usize = said.parse().map_err(|_| format!("{said} is no number"))?;
    let (seen, lost) = (request.visits.len(), request.lost);
    // What was written to a provider that had just hung up is an attempt too, unless it was known in time.
    ensure((seen..=seen + lost).contains(&said), || {
        format!("{said} were said, {seen} were seen, {lost} were lost")
    })
}

fn rungs_in_order(request: &Request, _: &Reading) -> Result<(), String> {
    let Some((last, before)) = request.visits.split_last() else {
        return Ok(());
    };
    // A target that was passed over because it had failed may be asked after all when nothing else is left.
    let asked_before = before.iter().filter(|visit| visit.provider == last.provider);
    let may_be_last_resort = request.troubled.contains(&last.provider)
        && asked_before.count() < attempts_at(request, last.provider);
    let walked = if may_be_last_resort {
        before
    } else {
        &request.visits
    };
    in_order(request, walked)
}

/// How often a provider may be asked on all its rungs together.
fn attempts_at(request: &Request, provider: usize) -> usize {
    let rungs = request.way.rungs.iter().filter(|rung| rung.provider == provider);
    rungs.map(|rung| usize::from(rung.retries) + 1).sum()
}

/// Whether `visits` are a walk along the rungs.
fn in_order(request: &Request, visits: &[Visit]) -> Result<(), String> {
    let mut left = request
        .way
        .rungs
        .iter()
        .map(|rung| (rung.provider, u32::from(rung.retries) + 1));
    let mut now = left.next();
    for visit in visits {
        // The first rung that is still to come and has attempts left is always the best to choose.
        while now.is_some_and(|(provider, attempts)| provider != visit.provider || attempts == 0) {
            now = left.next();
        }
        let Some((_, attempts)) = &mut now else {
            return Err(format!("v{} is one too many, or too late", visit.number));
        };
        *attempts -= 1;
    }
    Ok(())
}

fn in_time(request: &Request, reading: &Reading) -> Result<(), String> {
    let Request { deadline, visits, .. } = request;
    for visit in visits {
        let fits = visit.begun + LEAST <= *deadline + GRAIN;
        ensure(fits, || {
            format!("v{} began at {}", visit.number, time(visit.begun))
        })?;
    }
    let answered = request.reply.head.map_or(request.reply.ended, |(_, at)| at);
    ensure(answered <= *deadline + GRAIN, || {
        format!("the reply began at {}", time(answered))
    })?;
    let first = reading_began(request, reading);
    ensure(first <= *deadline + GRAIN, || {
        format!("content came at {}", time(first))
    })
}

/// When a caller had its first content; when it had its head, if there was none.
fn reading_began(request: &Request, reading: &Reading) -> Duration {
    let head = request.reply.head.map_or(Duration::ZERO, |(_, at)| at);
    let first = request.reply.pieces.first().map_or(head, |(at, _)| *at);
    source(reading).map_or(head, |_| first)
}

fn never_sooner_than_told(request: &Request, _: &Reading) -> Result<(), String> {
    let told = |visit: &Visit| Some(visit.answered? + visit.truth.told?);
    for visit in &request.visits {
        let Some(told) = told(visit) else { continue };
        if let Some(later) = after(request, visit).find(|later| later.begun + GRAIN < told) {
            return Err(format!(
                "v{} told {}, and v{} came at {}",
                visit.number,
                time(told),
                later.number,
                time(later.begun)
            ));
        }
    }
    Ok(())
}

fn silence_is_final(request: &Request, _: &Reading) -> Result<(), String> {
    let silent = |visit: &&Visit| visit.truth.silent && was_heard(visit);
    for visit in request.visits.iter().filter(silent) {
        if let Some(later) = after(request, visit).next() {
            return Err(format!(
                "v{} was silent, and v{} came",
                visit.number, later.number
            ));
        }
    }
    Ok(())
}

/// Whether its request was there before the router hung up.
fn was_heard(visit: &Visit) -> bool {
    match (visit.asked, visit.closed) {
        (Some(asked), Some(closed)) => asked < closed,
        (asked, _) => asked.is_some(),
    }
}

/// Whether the provider of `visit` is on one rung only.
fn stands_once(request: &Request, visit: &Visit) -> bool {
    let rungs = request.way.rungs.iter();
    rungs.filter(|rung| rung.provider == visit.provider).count() == 1
}

/// The later attempts at the same provider.
fn after<'r>(request: &'r Request, visit: &'r Visit) -> impl Iterator<Item = &'r Visit> {
    let same = |later: &&Visit| later.number > visit.number && later.provider == visit.provider;
    request.visits.iter().filter(same)
}

fn good_answers_are_heard(request: &Request, reading: &Reading) -> Result<(), String> {
    if request.reply.end == End::Left {
        return Ok(());
    }
    let good = request
        .visits
        .iter()
        .find(|visit| visit.truth.prompt && !visit.held && visit.asked.is_some());
    let Some(good) = good else { return Ok(()) };
    let whole = match reading {
        Reading::Plain { .. } => request.reply.end == End::Whole,
        Reading::Stream { done, .. } => *done == 1,
        Reading::Nothing | Reading::Error { .. } => false,
    };
    ensure(whole && source(reading) == Some(good.number), || {
        format!("v{} was not", good.number)
    })
}

fn no_rung_left(request: &Request, reading: &Reading) -> Result<(), String> {
    let Reading::Error { class, .. } = reading else {
        return Ok(());
    };
    let at = request.reply.head.map_or(request.reply.ended, |(_, at)| at);
    let stopped = request
        .visits
        .iter()
        .any(|visit| visit.truth.classes.contains(&FailureClass::ContentFiltered));
    if stopped || !request.way.by_the_book || at + LEAST > request.deadline {
        return Ok(());
    }
    let unasked: Vec<_> = request
        .way
        .rungs
        .iter()
        .filter(|rung| !request.troubled.contains(&rung.provider))
        .filter(|rung| request.visits.iter().all(|visit| visit.provider != rung.provider))
        .collect();
    ensure(unasked.len() <= request.lost, || {
        format!("{unasked:?} were, before {class}")
    })
}

fn retries_are_made(request: &Request, reading: &Reading) -> Result<(), String> {
    if request.reply.end == End::Left || !request.way.by_the_book {
        return Ok(());
    }
    for (at, visit) in request.visits.iter().enumerate() {
        let next = request.visits.get(at + 1);
        let over = next.map_or(request.reply.ended, |next| next.begun);
        let in_time = over + LONGEST_WAIT + LEAST <= request.deadline;
        let is_answer = source(reading) == Some(visit.number);
        let last_resort = in_order(request, &request.visits[..=at]).is_err();
        let spared = is_answer || last_resort || !in_time || !is_worth_a_retry(visit);
        if spared || retries_left(request, at) == 0 {
            continue;
        }
        let again = next.is_some_and(|next| next.provider == visit.provider);
        ensure(again || request.lost > 0, || {
            format!("v{} did not, and had tries left", visit.number)
        })?;
    }
    Ok(())
}

/// Whether a failure is surely of those after which the same target is asked again.
fn is_worth_a_retry(visit: &Visit) -> bool {
    use FailureClass::{ConnectFailed, MalformedResponse, Overloaded, RateLimited, ServerError, StreamCut};
    let retried = [
        ConnectFailed,
        MalformedResponse,
        Overloaded,
        RateLimited,
        ServerError,
        StreamCut,
    ];
    let Truth { classes, told, .. } = &visit.truth;
    let surely = !classes.is_empty() && classes.iter().all(|class| retried.contains(class));
    surely && told.is_none() && !visit.held
}

/// How often the target of visit `at`, if it is on one rung only, may be asked again after that.
fn retries_left(request: &Request, at: usize) -> usize {
    let visit = &request.visits[at];
    let mut rungs = request.way.rungs.iter();
    let rung = rungs.find(|rung| rung.provider == visit.provider);
    let Some(rung) = rung.filter(|_| stands_once(request, visit)) else {
        return 0;
    };
    let so_far = request.visits[..at]
        .iter()
        .filter(|before| before.provider == visit.provider);
    usize::from(rung.retries).saturating_sub(so_far.count())
}

fn target_is_named(request: &Request, reading: &Reading) -> Result<(), String> {
    let Some(last) = request.visits.last().filter(|_| request.reply.head.is_some()) else {
        return Ok(());
    };
    let number = source(reading).unwrap_or(last.number);
    let expected = format!("p{}/m", find(request, number)?.provider);
    let named = request.reply.header("x-weir-model");
    let right = named == Some(&expected) || request.lost > 0;
    ensure(right, || format!("it names {named:?}, not {expected}"))
}

/// The router asks for usage in its own name; no caller here does.
fn usage_is_not_told(_: &Request, reading: &Reading) -> Result<(), String> {
    let told = matches!(reading, Reading::Stream { usage: 1.., .. });
    ensure(!told, || "it ends with its usage".to_owned())
}

fn chains_are_final(request: &Request, reading: &Reading) -> Result<(), String> {
    let said = request.reply.header("x-should-retry");
    let expected = match reading {
        Reading::Error { .. } if request.way.chain => Some("false"),
        _ => None,
    };
    ensure(said == expected, || format!("it says {said:?}"))
}

/// What is still going on after the caller has its answer.
fn left_overs(request: &Request) -> Option<String> {
    let open = |visit: &&Visit| {
        let still = visit
            .closed
            .is_none_or(|closed| closed > request.reply.ended + SOON);
        visit.asked.is_some() && visit.done.is_none() && still
    };
    let open = request.visits.iter().find(open)?;
    Some(format!(
        "what nobody waits for any more is ended: v{} is still open",
        open.number
    ))
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

fn known(class: &str) -> Option<FailureClass> {
    FailureClass::ALL
        .into_iter()
        .find(|known| known.as_str() == class)
}

/// The class of the failure that the caller saw.
fn failure(reading: &Reading) -> Option<FailureClass> {
    match reading {
        Reading::Error { class, .. } => known(class),
        Reading::Stream { error, .. } => error.as_ref().and_then(|(class, _)| known(class)),
        Reading::Nothing | Reading::Plain { .. } => None,
    }
}

/// The content by choice.
fn tokens(reading: &Reading) -> &BTreeMap<u64, Vec<Token>> {
    static NONE: BTreeMap<u64, Vec<Token>> = BTreeMap::new();
    match reading {
        Reading::Plain { content } | Reading::Stream { content, .. } => content,
        Reading::Nothing | Reading::Error { .. } => &NONE,
    }
}

/// Whose content it is.
fn source(reading: &Reading) -> Option<usize> {
    tokens(reading).values().flatten().map(|token| token.visit).next()
}

fn find(request: &Request, number: usize) -> Result<&Visit, String> {
    let found = request.visits.iter().find(|visit| visit.number == number);
    found.ok_or_else(|| format!("v{number} is not of this request"))
}
