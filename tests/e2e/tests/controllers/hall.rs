//! A club whose gates are turnstiles with controllers, and members who may all come in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use e2e::account::health;
use e2e::ledger::Ledger;
use e2e::patience::{PATIENCE, eventually};
use e2e::people::{current, import};
use e2e::upstream::Upstream;
use site::agent::Agent;
use site::broker::{Message, Seen};
use site::config::Club;
use site::members::Member;
use site::turnstile::{Turnstile, Way, Went};
use toml_edit::value;

/// How long somebody may take to go through before it counts as not passed.
pub(crate) const PASSAGE_TIMEOUT: &str = "1s";

/// Somebody's external id, empty if they had no badge, and which way they went.
pub(crate) type Gone = (String, Way);

/// The turnstiles, the people, and the configuration. Gates count from 1.
pub(crate) struct Hall {
    pub(crate) turnstiles: Vec<Turnstile>,
    pub(crate) members: Vec<Member>,
    // Dropped last: its folder holds every path above.
    pub(crate) settings: Club,
}

impl Hall {
    /// A club with so many turnstiles, each with an entry and an exit reader and a display, so many current members, and
    /// an agent that tells this central system.
    pub(crate) fn under(upstream: &Upstream, gates: usize, people: usize) -> Result<Self> {
        let mut settings = Club::new()?;
        settings.set("access.repeat_window", "200ms").mqtt(&upstream.url());
        settings.set("site.club_day_starts", half_a_day_from_now()?);
        let mut turnstiles = Vec::new();
        for number in 1..=gates {
            let gate = format!("turnstile-{number}");
            let turnstile = Turnstile::plugged_in(settings.folder(), &gate)?;
            settings.controller_gate(&gate, turnstile.path())["passage_timeout"] = value(PASSAGE_TIMEOUT);
            settings.controller_reader(&format!("entry-{number}"), &gate, 0);
            settings.controller_exit_reader(&format!("exit-{number}"), &gate, 1);
            turnstiles.push(turnstile);
        }
        Ok(Self { turnstiles, members: current(people)?, settings })
    }

    /// Imports the members, starts the agent and waits until it speaks to every controller.
    pub(crate) async fn open(&self) -> Result<Agent> {
        import(&self.settings, &self.members).await?;
        self.start().await
    }

    /// Starts the agent and waits until it speaks to every controller.
    pub(crate) async fn start(&self) -> Result<Agent> {
        let agent = Agent::start(&self.config()?).await?;
        for number in 1..=self.turnstiles.len() {
            self.line_is(&agent, number, "up").await?;
        }
        Ok(agent)
    }

    /// The configuration as it is written to the club's folder.
    pub(crate) fn config(&self) -> Result<PathBuf> {
        self.settings.write()
    }

    /// A turnstile by its number.
    pub(crate) fn turnstile(&self, gate: usize) -> &Turnstile {
        &self.turnstiles[gate - 1]
    }

    /// Waits until a controller is shown in this state: `up` or `down`.
    pub(crate) async fn line_is(&self, agent: &Agent, gate: usize, state: &str) -> Result<()> {
        let gate = format!("turnstile-{gate}");
        let shown = || async { Ok(health(agent).await?["gates"][&gate]["line"]["state"] == state) };
        eventually(&format!("{gate} is shown as {state}"), shown).await
    }

    /// A member goes through, or this fails.
    pub(crate) async fn pass(&self, gate: usize, way: Way, member: &Member) -> Result<()> {
        let went = self.turnstile(gate).pass(way, &member.badge, PATIENCE).await?;
        ensure!(matches!(went, Went::Through(_)), "turnstile-{gate} stayed shut for {}", member.external_id());
        Ok(())
    }

    /// The members who always take this gate.
    pub(crate) fn members_at(&self, gate: usize) -> Vec<&Member> {
        self.members.iter().skip(gate - 1).step_by(self.turnstiles.len()).collect()
    }

    /// What the kernel does to real ports when their last user has died.
    pub(crate) fn forget_sessions(&self) -> Result<()> {
        self.turnstiles.iter().try_for_each(|turnstile| turnstile.cable().forget_session())
    }

    /// Who really went through each gate, which way, in order; nobody's badge for those who had none.
    pub(crate) fn truth(&self) -> BTreeMap<String, Vec<Gone>> {
        let people: BTreeMap<&str, &str> =
            self.members.iter().map(|member| (member.badge.as_str(), member.external_id())).collect();
        let through = |turnstile: &Turnstile| {
            let person = |badge: &Option<String>| badge.as_deref().and_then(|badge| people.get(badge)).copied();
            turnstile.look(|truth| {
                let gone = truth.rotations.iter();
                gone.map(|it| (person(&it.badge).unwrap_or_default().to_owned(), it.way)).collect()
            })
        };
        (1..).map(|number| format!("turnstile-{number}")).zip(self.turnstiles.iter().map(through)).collect()
    }
}

/// No story crosses the beginning of a club day by chance.
fn half_a_day_from_now() -> Result<String> {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::get("Europe/Rome")?);
    Ok(format!("{:02}:00", (now.hour() + 12) % 24))
}

/// What stands in the store of who went through each gate, which way, in order.
pub(crate) fn written(store: &Ledger) -> Result<BTreeMap<String, Vec<Gone>>> {
    let sql = "SELECT p.gate, coalesce(x.external_id, ''), p.way FROM passage p LEFT JOIN person x ON x.id = p.person
               WHERE p.outcome IN ('passed', 'forced', 'free', 'emergency') ORDER BY p.gate, p.at, p.row";
    let mut written: BTreeMap<String, Vec<Gone>> = BTreeMap::new();
    for [gate, person, way] in store.texts(sql)? {
        let way = if way == "in" { Way::In } else { Way::Out };
        written.entry(gate).or_default().push((person, way));
    }
    Ok(written)
}

/// How many visits each member made by these rotations: an entry while outside begins one, an exit ends it.
pub(crate) fn visits_of(truth: &BTreeMap<String, Vec<Gone>>) -> BTreeMap<&str, usize> {
    let mut visits: BTreeMap<&str, usize> = BTreeMap::new();
    let mut inside = BTreeSet::new();
    for (person, way) in truth.values().flatten().filter(|(person, _)| !person.is_empty()) {
        match way {
            Way::In if inside.insert(person.as_str()) => *visits.entry(person).or_default() += 1,
            Way::In => {}
            Way::Out => _ = inside.remove(person.as_str()),
        }
    }
    visits
}

/// Waits until the store has as many passages as there were rotations, and compares who went, which way, in which order.
pub(crate) async fn all_is_written(hall: &Hall, store: &Ledger) -> Result<()> {
    let total = |of: &BTreeMap<String, Vec<Gone>>| of.values().map(Vec::len).sum::<usize>();
    let truth = total(&hall.truth());
    let waited = eventually("every rotation is written down", || async { Ok(total(&written(store)?) >= truth) }).await;
    let (truth, passages) = (hall.truth(), written(store)?);
    for (gate, gone) in &truth {
        let here = passages.get(gate).map(Vec::as_slice).unwrap_or_default();
        let (missing, surplus) = differences(gone, here);
        println!("{gate}: {} rotations, {} passages, missing {missing:?}, surplus {surplus:?}", gone.len(), here.len());
        ensure!(missing.is_empty() && surplus.is_empty(), "{gate}: rotations and passages differ");
        ensure!(here == gone, "{gate}: not in the order in which they went");
    }
    waited
}

/// Waits for a message of a kind in which these hold, and answers the first.
pub(crate) async fn told(upstream: &Upstream, kind: &str, wanted: impl Fn(&Message) -> bool) -> Result<Message> {
    let found = |seen: &Seen| seen.of(kind).find(|message| wanted(message)).cloned();
    upstream.central.wait_until(|seen| found(seen).is_some(), PATIENCE).await.with_context(|| format!("no {kind}"))?;
    upstream.central.look(found).context("it was just told")
}

/// The same for a passage of this person with this outcome.
pub(crate) async fn passage_told(upstream: &Upstream, member: &Member, outcome: &str) -> Result<Message> {
    told(upstream, "passage", |it| member.is_told_by(it) && it.data("outcome") == outcome)
        .await
        .with_context(|| format!("{} {outcome}: {:?}", member.external_id(), outcomes(upstream)))
}

/// The outcomes of all passages told so far, in order.
pub(crate) fn outcomes(upstream: &Upstream) -> Vec<String> {
    let seen = upstream.central.seen();
    let text = |it: &Message| format!("{} {} {}", it.data("reader"), it.data("person"), it.data("outcome"));
    seen.of("passage").map(text).collect()
}

/// What is in the first and not in the second, and the other way round.
fn differences(truth: &[Gone], here: &[Gone]) -> (Vec<Gone>, Vec<Gone>) {
    let mut surplus = here.to_vec();
    let missing = truth.iter().filter(|gone| match surplus.iter().position(|it| it == *gone) {
        Some(place) => {
            surplus.remove(place);
            false
        }
        None => true,
    });
    let missing = missing.cloned().collect();
    (missing, surplus)
}
