//! Small worlds: what a handful of agents say, much of it wrong, in an order that proptest chooses.

use crate::content::{self, About};
use crate::index::{self, Entry, Spot};
use crate::overlay::{Overlay, Pending};
use crate::port::{Cursor, Origin, Stored};
use crate::testing::{Memory, T0, network, salt, secret};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tidepool_protocol::body::{
    Action, BodyOf, Card, Charter, Comment, Deed, Edit, Follow, Grant, Head, MailKey, Post, PostType, Powers, Profile,
    Report, Settings, Subscribe, Tombstone, Vote, Withdraw,
};
use tidepool_protocol::{
    AgentId, AuthorId, Body, Draft, Envelope, EnvelopeId, Epoch, Kind, PublicKey, Scope, TimeMs, Verified,
};

/// How many agents speak.
pub(crate) const AGENTS: u8 = 5;

pub(crate) fn agent(number: u8) -> AuthorId {
    AuthorId([number + 1; 32])
}

/// Two open communities, two owned ones (by the agents 0 and 1, of one name), and an open one that is not in the genesis.
pub(crate) fn community(number: u8) -> Scope {
    match number {
        0 => "c/general".parse().unwrap(),
        1 => "c/introductions".parse().unwrap(),
        2 => Scope::owned_by(agent(0).as_agent(), "reef".parse().unwrap()),
        3 => Scope::owned_by(agent(1).as_agent(), "reef".parse().unwrap()),
        _ => "c/nowhere".parse().unwrap(),
    }
}

/// What one envelope says. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    Post {
        community: u8,
    },
    /// `wrong`: 0 for a comment that fits, else what does not.
    Comment {
        target: usize,
        wrong: u8,
    },
    Vote {
        target: usize,
        value: i8,
        stray: bool,
    },
    Edit {
        target: usize,
        by_author: bool,
        what: u8,
    },
    Tombstone {
        target: usize,
        by_author: bool,
        stray: bool,
    },
    Profile {
        what: u8,
    },
    Card {
        at_home: bool,
    },
    MailKey,
    Subscribe {
        community: u8,
        on: bool,
    },
    Follow {
        target: u8,
        mirrored: bool,
        on: bool,
    },
    Charter {
        community: u8,
    },
    Settings {
        community: u8,
        what: u8,
        by: usize,
    },
    /// Mostly by the founder of one of the owned communities.
    Grant {
        community: u8,
        agent: u8,
        powers: u16,
        by_founder: bool,
    },
    /// Names the newest envelope of its agent there, or an older one, or none.
    Withdraw {
        grant: usize,
        head: usize,
        by_founder: bool,
    },
    /// By the holder of a grant there, or by anybody.
    Action {
        target: usize,
        deed: u8,
        by: usize,
        holder: bool,
        stray: bool,
    },
    Report {
        target: usize,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) author: u8,
    /// Minutes since the beginning: few, so that times collide.
    pub(crate) minute: u64,
    pub(crate) say: Say,
}

pub(crate) fn say() -> impl Strategy<Value = Say> {
    let target = || any::<usize>();
    let usually = |of: u32| prop_oneof![of => Just(false), 1 => Just(true)];
    prop_oneof![
        5 => prop_oneof![9 => 0u8..4, 1 => Just(4)].prop_map(|community| Say::Post { community }),
        8 => (target(), prop_oneof![8 => Just(0u8), 1 => 1u8..5]).prop_map(|(target, wrong)| Say::Comment { target, wrong }),
        10 => (target(), -1i8..2, usually(9)).prop_map(|(target, value, stray)| Say::Vote { target, value, stray }),
        3 => (target(), usually(2), 0u8..5).prop_map(|(target, not, what)| Say::Edit { target, by_author: !not, what }),
        2 => (target(), usually(2), usually(9))
            .prop_map(|(target, not, stray)| Say::Tombstone { target, by_author: !not, stray }),
        1 => any::<u8>().prop_map(|what| Say::Profile { what }),
        1 => usually(4).prop_map(|not| Say::Card { at_home: !not }),
        1 => Just(Say::MailKey),
        2 => (0u8..5, any::<bool>()).prop_map(|(community, on)| Say::Subscribe { community, on }),
        3 => (0..AGENTS, any::<bool>(), any::<bool>()).prop_map(|(target, mirrored, on)| Say::Follow { target, mirrored, on }),
        1 => (0u8..5).prop_map(|community| Say::Charter { community }),
        2 => (prop_oneof![1 => 0u8..5, 3 => 2u8..4], any::<u8>(), any::<usize>())
            .prop_map(|(community, what, by)| Say::Settings { community, what, by }),
        3 => (prop_oneof![1 => 0u8..5, 6 => 2u8..4], 0..AGENTS, 1u16..32, usually(9)).prop_map(
            |(community, agent, powers, not)| Say::Grant { community, agent, powers, by_founder: !not }
        ),
        2 => (any::<usize>(), any::<usize>(), usually(9))
            .prop_map(|(grant, head, not)| Say::Withdraw { grant, head, by_founder: !not }),
        8 => (target(), 0u8..6, any::<usize>(), usually(3), usually(9))
            .prop_map(|(target, deed, by, not, stray)| Say::Action { target, deed, by, holder: !not, stray }),
        1 => target().prop_map(|target| Say::Report { target }),
    ]
}

pub(crate) fn lines(most: usize) -> impl Strategy<Value = Vec<Line>> {
    let line = (0..AGENTS, prop_oneof![0u64..30, 0u64..60 * 24 * 40], say()).prop_map(|(author, minute, say)| Line {
        author,
        minute,
        say,
    });
    proptest::collection::vec(line, 1..most)
}

fn sign(
    author: u8,
    scope: Scope,
    minute: u64,
    (number, prev): (usize, Option<EnvelopeId>),
    (kind, body): (Kind, Vec<u8>),
) -> Verified<Envelope> {
    let time_ms = T0.plus_ms(minute * 60_000);
    Draft {
        network: network().id(),
        author: agent(author),
        auth: EnvelopeId::ZERO,
        scope,
        epoch: Epoch::first_of(time_ms),
        seq: number as u64,
        prev,
        time_ms,
        kind,
        body,
    }
    .sign(&secret(u64::from(author)))
}

fn encoded<T: BodyOf>(body: &T) -> (Kind, Vec<u8>) {
    (T::KIND, body.encode().unwrap())
}

/// What can be voted on and answered: id, author, scope, root, depth below it.
struct Target {
    id: EnvelopeId,
    author: u8,
    community: u8,
    root: EnvelopeId,
    depth: u32,
}

/// A grant: id, community, agent, and the founder who may take it back.
struct Given {
    id: EnvelopeId,
    community: u8,
    agent: u8,
}

/// Who founded an owned community.
fn founder(community: u8) -> u8 {
    community.saturating_sub(2)
}

/// Signs the lines. Each speaks of what was said before it; that arrives in any order.
pub(crate) fn script(lines: &[Line]) -> Vec<Verified<Envelope>> {
    let mut targets: Vec<Target> = Vec::new();
    let mut said: Vec<Verified<Envelope>> = Vec::new();
    let mut grants: Vec<Given> = Vec::new();
    let mut lines_of: BTreeMap<(u8, Scope), Vec<EnvelopeId>> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        let pick = |at: usize| if targets.is_empty() { None } else { Some(&targets[at % targets.len()]) };
        let own = Scope::Agent(agent(line.author).as_agent());
        let mut put = |author: u8, scope: Scope, body: (Kind, Vec<u8>)| {
            let before = lines_of.entry((author, scope.clone())).or_default();
            let envelope = sign(author, scope, line.minute, (number, before.last().copied()), body);
            before.push(envelope.id());
            envelope
        };
        let given = |at: usize| if grants.is_empty() { None } else { Some(&grants[at % grants.len()]) };
        let salt = salt(number as u64);
        let elsewhere = |at: u8, stray: bool| community(if stray { (at + 1) % 4 } else { at });
        let envelope = match &line.say {
            Say::Post { community: at } => {
                let (title, content) = (format!("post {number}"), format!("text {number}"));
                let post = Post { salt, post_type: PostType::Text, title, content, url: None };
                let envelope = put(line.author, community(*at), encoded(&post));
                let id = envelope.id();
                targets.push(Target { id, author: line.author, community: *at, root: id, depth: 0 });
                envelope
            }
            Say::Comment { target, wrong } => {
                let Some(parent) = pick(*target) else { continue };
                let other = &targets[(target / 7) % targets.len()];
                let root = if *wrong == 1 { other.root } else { parent.root };
                let depth = if *wrong == 2 { parent.depth + 1 } else { parent.depth };
                let place = elsewhere(parent.community, *wrong == 3);
                let at = if *wrong == 3 { (parent.community + 1) % 4 } else { parent.community };
                let above = if *wrong == 4 { EnvelopeId([9; 32]) } else { parent.id };
                let comment = Comment { salt, root, parent: above, depth, content: format!("comment {number}") };
                let envelope = put(line.author, place, encoded(&comment));
                targets.push(Target { id: envelope.id(), author: line.author, community: at, root, depth: depth + 1 });
                envelope
            }
            Say::Vote { target, value, stray } => {
                let Some(target) = pick(*target) else { continue };
                let vote = Vote { target: target.id, value: *value };
                put(line.author, elsewhere(target.community, *stray), encoded(&vote))
            }
            Say::Edit { target, by_author, what } => {
                let Some(target) = pick(*target) else { continue };
                let title = (what % 2 == 1).then(|| format!("title {number}"));
                let content = match what {
                    2 | 3 => Some(format!("edited {number}")),
                    4 => Some("x".repeat(tidepool_protocol::limits::COMMENT_CHARS_MAX + 1)),
                    _ => None,
                };
                let author = if *by_author { target.author } else { line.author };
                put(author, community(target.community), encoded(&Edit { salt, target: target.id, title, content }))
            }
            Say::Tombstone { target, by_author, stray } => {
                let Some(target) = pick(*target) else { continue };
                let author = if *by_author { target.author } else { line.author };
                put(author, elsewhere(target.community, *stray), encoded(&Tombstone { target: target.id }))
            }
            Say::Profile { what } => {
                let text = |bit: u8| (what & bit != 0).then(|| format!("{bit} {number}"));
                let avatar = (what & 8 != 0).then(Vec::new);
                let profile = Profile { display_name: text(1), description: text(2), metadata: text(4), avatar };
                put(line.author, own, encoded(&profile))
            }
            Say::Card { at_home } => {
                let card = Card { skills: Vec::new(), price: format!("{number}"), endpoint: None };
                put(line.author, if *at_home { own } else { community(0) }, encoded(&card))
            }
            Say::MailKey => {
                let key = PublicKey([u8::try_from(number % 250).unwrap(); 32]);
                put(line.author, own, encoded(&MailKey { number: number as u32, key }))
            }
            Say::Subscribe { community: at, on } => {
                put(line.author, own, encoded(&Subscribe { community: community(*at), on: *on }))
            }
            Say::Follow { target, mirrored, on } => {
                let target = agent(*target).as_agent();
                let scope = if *mirrored { own } else { Scope::Agent(target) };
                put(line.author, scope, encoded(&Follow { target, on: *on }))
            }
            Say::Charter { community: at } => {
                let charter = Charter {
                    display_name: format!("name {number}"),
                    description: format!("about {number}"),
                    allow_crypto: number % 2 == 0,
                };
                put(line.author, community(*at), encoded(&charter))
            }
            Say::Settings { community: at, what, by } => {
                let text = |bit: u8| (what & bit != 0).then(|| format!("set {bit} {number}"));
                let color = (what & 4 != 0).then(|| format!("#{:06x}", number));
                let rules = (what & 8 != 0).then(|| vec![format!("rule {number}")]);
                let holder = given(*by).filter(|_| what & 16 != 0);
                let (grant, author) = holder.map_or((None, line.author), |given| (Some(given.id), given.agent));
                let at = &holder.map_or(*at, |given| given.community);
                let settings = Settings {
                    grant,
                    display_name: text(1),
                    description: text(2),
                    banner_color: color,
                    rules,
                    ..Settings::default()
                };
                put(author, community(*at), encoded(&settings))
            }
            Say::Grant { community: at, agent: number, powers, by_founder } => {
                let author = if *by_founder { founder(*at) } else { line.author };
                let grant = Grant { agent: agent(*number).as_agent(), powers: Powers(*powers) };
                let envelope = put(author, community(*at), encoded(&grant));
                grants.push(Given { id: envelope.id(), community: *at, agent: *number });
                envelope
            }
            Say::Withdraw { grant, head, by_founder } => {
                let Some(Given { id, community: at, agent: holder }) = given(*grant) else { continue };
                let scope = community(*at);
                let line_of = said
                    .iter()
                    .filter(|said| said.header().scope == scope && said.header().author == agent(*holder))
                    .map(|said| said.id());
                let ids: Vec<_> = line_of.collect();
                // Of three withdrawals one names nothing, one the newest, and one any.
                let named = match head % 3 {
                    0 => None,
                    1 => ids.last(),
                    _ => ids.get(head / 3 % ids.len().max(1)),
                };
                let key = PublicKey([*holder; 32]);
                let head = |id: &EnvelopeId| Head { scope: scope.clone(), key, epoch: Epoch(0), seq: 0, id: *id };
                let author = if *by_founder { founder(*at) } else { line.author };
                let body = Withdraw { grant: *id, heads: named.map(head).into_iter().collect() };
                put(author, scope.clone(), encoded(&body))
            }
            Say::Action { target, deed, by, holder, stray } => {
                let Some(target) = pick(*target) else { continue };
                let holding: Vec<_> = grants.iter().filter(|given| given.community == target.community).collect();
                let given = if *holder && !holding.is_empty() { Some(holding[by % holding.len()]) } else { given(*by) };
                let author = given.filter(|_| *holder).map_or(line.author, |given| given.agent);
                let (grant, deed) = (given.map(|given| given.id), Deed::ALL[usize::from(*deed)]);
                let action = Action { grant, deed, target: target.id, rule: format!("rule {number}") };
                put(author, elsewhere(target.community, *stray), encoded(&action))
            }
            Say::Report { target } => {
                let Some(target) = pick(*target) else { continue };
                let report = Report { salt, target: target.id, reason: format!("reason {number}") };
                put(line.author, community(target.community), encoded(&report))
            }
        };
        said.push(envelope);
    }
    said
}

/// A node that only knows content: everything it is told of stands until it is retracted.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) memory: Memory,
    last: u64,
}

impl World {
    pub(crate) fn of<'e>(envelopes: impl IntoIterator<Item = &'e Verified<Envelope>>) -> Self {
        let mut world = Self::default();
        for envelope in envelopes {
            world.apply(envelope);
        }
        world
    }

    pub(crate) fn apply(&mut self, envelope: &Verified<Envelope>) {
        self.last += 1;
        let cursor = Cursor(self.last);
        let (received_ms, origin) = (TimeMs(self.last), Origin::Local);
        let stored = Stored { cursor, received_ms, origin, envelope: envelope.clone() };
        let kind = envelope.header().kind;
        let id = envelope.id();
        self.change(|overlay| {
            overlay.push(stored.clone());
            let spoken_of = index::spot(overlay, &id.short()).unwrap();
            let spot = spoken_of.unwrap_or(Spot::of(cursor));
            index::put(
                overlay,
                &Entry { id, spot, cursor, kind, body: true, applied: true, core: None, content: None },
            );
            content::came(overlay, &stored).unwrap();
            let about = About { spot, unheard_of: spoken_of.is_none() };
            content::apply(overlay, &stored, &body(envelope), about, &network()).unwrap();
        });
    }

    pub(crate) fn retract(&mut self, envelope: &Verified<Envelope>) {
        let (entry, stored) = index::envelope(&self.memory, &envelope.id()).unwrap().unwrap();
        self.change(|overlay| {
            content::retract(overlay, &stored, &body(envelope), entry.spot, &network()).unwrap();
            let left = index::get(overlay, &envelope.id()).unwrap().unwrap();
            assert_eq!(left.content, None, "a retracted envelope keeps its mark");
            let is_spoken_of = content::is_spoken_of(overlay, left.spot).unwrap();
            index::delete(overlay, &left, is_spoken_of);
            content::left(overlay, &stored).unwrap();
        });
    }

    /// Goes on with trees, at most `budget` comments; whether more is left.
    pub(crate) fn run_jobs(&mut self, budget: usize) -> bool {
        let mut more = false;
        self.change(|overlay| more = content::run_jobs(overlay, budget).unwrap());
        more
    }

    fn change(&mut self, act: impl FnOnce(&mut Overlay<'_>)) {
        let mut overlay = Overlay::new(&self.memory, Pending::default());
        act(&mut overlay);
        let pending = overlay.into_pending();
        self.memory.commit(pending);
    }
}

pub(crate) fn body(envelope: &Envelope) -> Body {
    Body::decode(envelope.header().kind, envelope.body().unwrap()).unwrap().unwrap()
}

pub(crate) fn as_agent(author: AuthorId) -> AgentId {
    author.as_agent()
}
