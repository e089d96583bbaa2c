//! Each rule of "Admission and void" that is the core's, by one example.

use crate::logs::{self, Hold};
use crate::overlay::{Overlay, Pending};
use crate::testing::{Memory, T0, TestAgent, TestNode, Writer, network, secret};
use crate::void::{self, VoidReason};
use crate::{identity, index, refold};
use tidepool_protocol::{Envelope, EnvelopeId, Kind, Scope, Signer, Verified};

pub(super) struct Stage {
    pub(super) node: TestNode,
    pub(super) agent: TestAgent,
    pub(super) memory: Memory,
}

pub(super) fn general() -> Scope {
    "c/general".parse().unwrap()
}

impl Stage {
    pub(super) fn new(rotation_keys: u64) -> Self {
        let node = TestNode::new(100);
        let agent = TestAgent::new(200, "Ada", &node, rotation_keys);
        let mut stage = Self { memory: Memory::new(), node, agent };
        stage.take(&[stage.node.genesis.clone(), stage.agent.genesis.clone()]);
        stage
    }

    pub(super) fn writer(&self) -> Writer {
        Writer::new(self.agent.author(), self.agent.state.operation, &self.agent.key, general())
    }

    pub(super) fn keeper(&self) -> Writer {
        Writer::new(self.agent.author(), self.agent.state.operation, &self.agent.rotation[0], general())
    }

    pub(super) fn take(&mut self, envelopes: &[Verified<Envelope>]) {
        self.memory.admit_all(envelopes, &network()).unwrap();
    }

    pub(super) fn verdict(&self, envelope: &Verified<Envelope>) -> Option<VoidReason> {
        let entry = index::get(&self.memory, &envelope.id()).unwrap().expect("it is held");
        let verdict = void::verdict(&self.memory, &entry).unwrap();
        assert_eq!(entry.applied, verdict.is_none() && has_content(envelope), "content knows what stands");
        verdict
    }

    pub(super) fn verdicts(&self, envelopes: &[&Verified<Envelope>]) -> Vec<Option<VoidReason>> {
        envelopes.iter().map(|envelope| self.verdict(envelope)).collect()
    }

    fn is_held(&self, id: &EnvelopeId) -> bool {
        index::get(&self.memory, id).unwrap().is_some()
    }
}

fn has_content(envelope: &Verified<Envelope>) -> bool {
    let kind = envelope.header().kind;
    !kind.is_identity_operation() && kind != Kind::KEEP && kind != Kind::CHECKPOINT
}

pub(super) const STANDS: Option<VoidReason> = None;
pub(super) const FORK: Option<VoidReason> = Some(VoidReason::Fork);
const AFTER: Option<VoidReason> = Some(VoidReason::AfterFork);
pub(super) const CLOSED: Option<VoidReason> = Some(VoidReason::KeyClosed);

#[test]
fn a_log_in_order_stands_and_its_head_is_known() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let posts: Vec<_> = (0..100).map(|number| writer.post(&format!("post {number}"))).collect();
    stage.take(&posts);
    assert!(posts.iter().all(|post| stage.verdict(post).is_none()));
    let (head, time) =
        logs::head(&stage.memory, stage.agent.author(), writer.key.public_key(), &general()).unwrap().unwrap();
    assert_eq!((head.seq, head.id, time), (99, posts[99].id(), posts[99].header().time_ms));
    let log = posts[0].header().log();
    let ids = logs::range(&stage.memory, &log, 30, 70, 1_000).unwrap();
    assert_eq!(ids, posts[30..=70].iter().map(|post| post.id()).collect::<Vec<_>>());
    assert_eq!(logs::gaps(&stage.memory, &log, 10).unwrap(), []);
}

#[test]
fn gaps_are_named_and_closed() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let posts: Vec<_> = (0..200).map(|number| writer.post(&format!("post {number}"))).collect();
    let late: Vec<_> = [0usize, 1, 64, 65, 66, 150].iter().map(|at| posts[*at].clone()).collect();
    let rest: Vec<_> = posts.iter().filter(|post| !late.contains(post)).cloned().collect();
    stage.take(&rest);
    let log = posts[0].header().log();
    assert_eq!(logs::gaps(&stage.memory, &log, 10).unwrap(), [(0, 1), (64, 66), (150, 150)]);
    assert_eq!(logs::gaps(&stage.memory, &log, 2).unwrap(), [(0, 1), (64, 66)]);
    stage.take(&late);
    assert_eq!(logs::gaps(&stage.memory, &log, 10).unwrap(), []);
    assert!(posts.iter().all(|post| stage.verdict(post).is_none()));
}

#[test]
fn a_fork_voids_both_siblings_and_what_follows_in_that_log_only() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let before = writer.post("before");
    let mut other = writer.clone();
    let (left, right) = (writer.post("left"), other.post("right"));
    let (after_left, after_right) = (writer.post("after left"), other.post("after right"));
    let mut elsewhere =
        Writer::new(stage.agent.author(), stage.agent.state.operation, &stage.agent.key, Scope::Agent(stage.agent.id));
    let elsewhere = elsewhere.write(Kind::PROFILE, b"\x84\xf6\xf6\xf6\xf6".to_vec());
    stage.take(&[
        before.clone(),
        left.clone(),
        right.clone(),
        after_left.clone(),
        after_right.clone(),
        elsewhere.clone(),
    ]);
    let all = [&before, &left, &right, &after_left, &after_right, &elsewhere];
    assert_eq!(stage.verdicts(&all), [STANDS, FORK, FORK, FORK, FORK, STANDS]);
}

#[test]
fn a_fork_goes_on_into_the_next_log_through_its_first_link() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let first = writer.post("first");
    let mut other = writer.clone();
    let (left, right) = (writer.post("left"), other.post("right"));
    writer.next_log();
    let next = [writer.post("next log"), writer.post("and on")];
    let mut apart = stage.writer();
    apart.next_log();
    apart.next_log();
    let apart = apart.post("a log without a link");
    stage.take(&[next[0].clone(), next[1].clone(), first.clone(), left.clone(), apart.clone()]);
    assert_eq!(stage.verdicts(&[&left, &next[0], &next[1], &apart]), [STANDS; 4]);
    stage.take(std::slice::from_ref(&right));
    assert_eq!(
        stage.verdicts(&[&first, &left, &right, &next[0], &next[1], &apart]),
        [STANDS, FORK, FORK, AFTER, AFTER, STANDS]
    );
}

#[test]
fn keep_names_the_branch_that_stands_and_what_follows_it_stands_too() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let first = writer.post("first");
    let mut other = writer.clone();
    let (left, right) = (writer.post("left"), other.post("right"));
    let (left_next, right_next) = (writer.post("left on"), other.post("right on"));
    stage.take(&[first.clone(), left.clone(), right.clone(), left_next.clone(), right_next.clone()]);
    let keep = stage.keeper().keep(&[&left]);
    stage.take(std::slice::from_ref(&keep));
    let later = writer.post("later");
    stage.take(std::slice::from_ref(&later));
    assert_eq!(stage.verdict(&keep), STANDS);
    assert_eq!(stage.verdicts(&[&first, &left, &right]), [STANDS, STANDS, FORK]);
    // Position 2 is forked as well, and the keep does not name it.
    assert_eq!(stage.verdicts(&[&left_next, &right_next, &later]), [FORK, FORK, AFTER]);
    let mut keeper = stage.keeper();
    keeper.seq = 1;
    keeper.prev = Some(keep.id());
    keeper.time_ms = keeper.time_ms.plus_ms(5_000);
    let keep = keeper.keep(&[&left_next]);
    stage.take(&[keep]);
    assert_eq!(stage.verdicts(&[&left_next, &right_next, &later]), [STANDS, FORK, STANDS]);
}

#[test]
fn a_keep_of_a_signing_key_has_no_effect() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let mut other = writer.clone();
    let (left, right) = (writer.post("left"), other.post("right"));
    writer.next_log();
    let keep = writer.keep(&[&left]);
    stage.take(&[left.clone(), right.clone(), keep.clone()]);
    assert_eq!(stage.verdicts(&[&left, &right, &keep]), [FORK, FORK, Some(VoidReason::NotRotationKey)]);
}

#[test]
fn a_closed_key_keeps_the_ancestors_of_kept_heads_only_whenever_they_come() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let posts: Vec<_> = (0..6).map(|number| writer.post(&format!("post {number}"))).collect();
    let rotate = stage.agent.rotate(&[&secret(900)], &[&stage.agent.rotation[0]]);
    let (rotate, _) =
        stage.agent.operation(&stage.agent.state, &rotate, &stage.agent.rotation[0], &[], T0.plus_ms(60_000));
    stage.take(&[posts[0].clone(), posts[1].clone(), posts[3].clone(), posts[4].clone(), posts[5].clone()]);
    stage.take(&[rotate]);
    assert_eq!(stage.verdicts(&[&posts[0], &posts[1], &posts[3], &posts[4], &posts[5]]), [CLOSED; 5]);
    let keep = stage.keeper().keep(&[&posts[4]]);
    stage.take(&[keep]);
    assert_eq!(
        stage.verdicts(&[&posts[0], &posts[1], &posts[3], &posts[4], &posts[5]]),
        [CLOSED, CLOSED, STANDS, STANDS, CLOSED]
    );
    stage.take(std::slice::from_ref(&posts[2]));
    assert_eq!(stage.verdicts(&posts.iter().collect::<Vec<_>>()), [STANDS, STANDS, STANDS, STANDS, STANDS, CLOSED]);
}

#[test]
fn a_later_rotation_key_vouches_for_the_keep_of_an_earlier_one() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let post = writer.post("kept");
    let (old, new) = (stage.agent.rotation[0].clone(), secret(901));
    let rotate = stage.agent.rotate(&[&secret(900)], &[&old]);
    let (first, state) = stage.agent.operation(&stage.agent.state, &rotate, &old, &[], T0.plus_ms(60_000));
    let keep = stage.keeper().keep(&[&post]);
    stage.take(&[post.clone(), first, keep.clone()]);
    assert_eq!(stage.verdicts(&[&post, &keep]), [STANDS, STANDS]);
    let rotate = stage.agent.rotate(&[&secret(900)], &[&new]);
    let (second, state) = stage.agent.operation(&state, &rotate, &old, &[], T0.plus_ms(70_000));
    stage.take(&[second]);
    assert_eq!(stage.verdicts(&[&post, &keep]), [CLOSED, CLOSED]);
    let mut keeper = Writer::new(stage.agent.author(), state.operation, &new, general());
    keeper.time_ms = T0.plus_ms(80_000);
    let vouches = keeper.keep(&[&keep]);
    stage.take(std::slice::from_ref(&vouches));
    assert_eq!(stage.verdicts(&[&post, &keep, &vouches]), [STANDS, STANDS, STANDS]);
}

#[test]
fn a_position_holds_the_two_lowest_ids() {
    let mut stage = Stage::new(1);
    let writer = stage.writer();
    let mut posts: Vec<_> = (0..5).map(|number| writer.clone().post(&format!("at one place {number}"))).collect();
    posts.sort_by_key(|post| post.id());
    stage.take(&[posts[4].clone(), posts[2].clone()]);
    let holds = |stage: &Stage, at: usize| logs::holds(&stage.memory, posts[at].header(), &posts[at].id()).unwrap();
    assert_eq!(holds(&stage, 0), Hold::Evicts(posts[4].id()));
    stage.take(std::slice::from_ref(&posts[0]));
    assert_eq!(holds(&stage, 3), Hold::Refused);
    let folded = stage.memory.admit(&posts[1], &network()).unwrap().unwrap();
    assert_eq!(folded.evicted.iter().map(|evicted| evicted.id).collect::<Vec<_>>(), [posts[2].id()]);
    let held: Vec<_> = posts.iter().map(|post| stage.is_held(&post.id())).collect();
    assert_eq!(held, [true, true, false, false, false]);
}

#[test]
fn an_ancestor_of_a_kept_head_is_held_beyond_the_two_lowest() {
    let mut stage = Stage::new(1);
    let writer = stage.writer();
    let mut branches: Vec<_> = (0..3)
        .map(|number| {
            let mut writer = writer.clone();
            let post = writer.post(&format!("branch {number}"));
            (post, writer)
        })
        .collect();
    branches.sort_by_key(|(post, _)| post.id());
    let highest = branches[2].0.clone();
    let above = branches[2].1.post("above the highest");
    let keep = stage.keeper().keep(&[&above]);
    stage.take(&[branches[0].0.clone(), branches[1].0.clone(), highest.clone()]);
    assert!(!stage.is_held(&highest.id()));
    stage.take(&[keep, above.clone()]);
    stage.take(std::slice::from_ref(&highest));
    assert!(stage.is_held(&highest.id()));
    assert_eq!(stage.verdicts(&[&branches[0].0, &branches[1].0, &highest, &above]), [FORK, FORK, STANDS, STANDS]);
}

#[test]
fn an_envelope_that_contradicts_its_known_predecessor_is_void() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let first = writer.post("first");
    let mut strange = writer.clone();
    strange.prev = Some(EnvelopeId([9; 32]));
    let (strange, on) = (strange.post("strange"), { strange.post("on") });
    stage.take(&[strange.clone(), on.clone()]);
    assert_eq!(stage.verdicts(&[&strange, &on]), [STANDS, STANDS]);
    stage.take(std::slice::from_ref(&first));
    assert_eq!(stage.verdicts(&[&first, &strange, &on]), [STANDS, Some(VoidReason::Predecessor), AFTER]);

    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let first = writer.post("first");
    writer.time_ms = T0;
    let early = writer.post("earlier than its predecessor");
    stage.take(&[early.clone(), first.clone()]);
    assert_eq!(stage.verdicts(&[&first, &early]), [STANDS, Some(VoidReason::Predecessor)]);
}

#[test]
fn a_new_log_may_begin_earlier_than_the_one_before_it_ended() {
    let stage = Stage::new(1);
    let mut writer = stage.writer();
    writer.time_ms = T0.plus_ms(3_600_000);
    let ahead = writer.post("by a clock that runs ahead");
    writer.next_log();
    writer.time_ms = T0.plus_ms(1_000);
    let back = writer.post("after it was set right");
    let on = writer.post("and so on");
    for order in [[&ahead, &back, &on], [&on, &back, &ahead]] {
        let mut stage = Stage::new(1);
        stage.take(&order.map(Clone::clone));
        assert_eq!(stage.verdicts(&[&ahead, &back, &on]), [STANDS, STANDS, STANDS]);
    }
}

#[test]
fn behind_a_fork_the_line_says_from_where_a_new_log_goes_on() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let (key, author) = (writer.key.public_key(), stage.agent.author());
    let first = writer.post("first");
    let mut other = writer.clone();
    let (left, right, on) = (writer.post("left"), other.post("right"), writer.post("left on"));
    stage.take(&[first.clone(), left.clone()]);
    let tip = |stage: &Stage| logs::tip(&stage.memory, author, key, &general()).unwrap().unwrap();
    let standing = |stage: &Stage| logs::standing(&stage.memory, author, key, &general()).unwrap();
    assert_eq!((tip(&stage).head.id, tip(&stage).stands, standing(&stage)), (left.id(), true, Some(left.id())));
    stage.take(&[right.clone(), on.clone()]);
    assert_eq!((tip(&stage).head.id, tip(&stage).stands, standing(&stage)), (on.id(), false, Some(first.id())));
    let keep = stage.keeper().keep(&[&left]);
    stage.take(&[keep]);
    assert_eq!((tip(&stage).stands, standing(&stage)), (true, Some(on.id())));
}

#[test]
fn a_body_that_does_not_fit_its_kind_is_void_and_its_log_goes_on() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let odd = writer.write(Kind::POST, b"\x80".to_vec());
    let next = writer.post("next");
    let unknown = writer.write(Kind(0x0377), b"\x80".to_vec());
    stage.take(&[odd.clone(), next.clone()]);
    assert_eq!(stage.verdicts(&[&odd, &next]), [Some(VoidReason::Body), STANDS]);
    stage.take(std::slice::from_ref(&unknown));
    let entry = index::get(&stage.memory, &unknown.id()).unwrap().unwrap();
    assert_eq!((entry.void(), entry.applied), (None, false));
}

#[test]
fn countersigned_heads_stand_through_a_fork_until_two_name_different_branches() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let first = writer.post("first");
    let mut other = writer.clone();
    let (left, right) = (writer.post("left"), other.post("right"));
    let left_next = writer.post("left on");
    let mut own =
        Writer::new(stage.agent.author(), stage.agent.state.operation, &stage.agent.key, Scope::Agent(stage.agent.id));
    let home = stage.node.key.clone();
    let node_auth = stage.node.state.operation;
    let unsigned = own.checkpoint(&[&right], None);
    let forged = own.checkpoint(&[&right], Some((&secret(77), node_auth)));
    let signed = own.checkpoint(&[&left], Some((&home, node_auth)));
    stage.take(&[first.clone(), left.clone(), right.clone(), left_next.clone(), unsigned, forged]);
    assert_eq!(stage.verdicts(&[&first, &left, &right, &left_next]), [STANDS, FORK, FORK, AFTER]);
    stage.take(&[signed]);
    assert_eq!(stage.verdicts(&[&first, &left, &right, &left_next]), [STANDS, STANDS, FORK, STANDS]);
    let contrary = own.checkpoint(&[&right], Some((&home, node_auth)));
    stage.take(&[contrary]);
    assert_eq!(stage.verdicts(&[&first, &left, &right, &left_next]), [STANDS, FORK, FORK, AFTER]);
    let keep = stage.keeper().keep(&[&right]);
    stage.take(&[keep]);
    assert_eq!(stage.verdicts(&[&first, &left, &right, &left_next]), [STANDS, FORK, STANDS, AFTER]);
}

#[test]
fn what_heads_that_cancel_out_both_go_on_from_stands_through_them() {
    let mut stage = Stage::new(1);
    let (home, node_auth) = (stage.node.key.clone(), stage.node.state.operation);
    let mut writer = stage.writer();
    let first = writer.post("first");
    let mut sibling = writer.clone();
    let (left, right) = (writer.post("left"), sibling.post("right"));
    let mut fork = writer.clone();
    let (one, two) = (writer.post("one"), fork.post("two"));
    stage.take(&[first.clone(), left.clone(), right.clone(), one.clone(), two.clone()]);
    assert_eq!(stage.verdicts(&[&first, &left, &right, &one, &two]), [STANDS, FORK, FORK, FORK, FORK]);
    let mut own = Writer { scope: Scope::Agent(stage.agent.id), ..stage.writer() };
    stage.take(&[own.checkpoint(&[&one, &two], Some((&home, node_auth)))]);
    // The home saw `left` whichever of the two was right. Void as they are, the two are what links its word to it.
    assert_eq!(stage.verdicts(&[&first, &left, &right, &one, &two]), [STANDS, STANDS, FORK, FORK, FORK]);
    let mut without = Stage::new(1);
    without.take(
        &stage
            .memory
            .envelopes()
            .map(|stored| stored.envelope.clone())
            .filter(|e| ![one.id(), two.id()].contains(&e.id()))
            .collect::<Vec<_>>(),
    );
    assert_eq!(without.verdicts(&[&first, &left, &right]), [STANDS, FORK, FORK]);
}

#[test]
fn a_change_of_many_verdicts_is_seen_at_once_and_told_to_content_by_jobs() {
    let mut stage = Stage::new(1);
    let mut writer = stage.writer();
    let posts: Vec<_> = (0..1_500).map(|number| writer.post(&format!("post {number}"))).collect();
    stage.take(&posts);
    let rotate = stage.agent.rotate(&[&secret(900)], &[&stage.agent.rotation[0]]);
    let (rotate, _) =
        stage.agent.operation(&stage.agent.state, &rotate, &stage.agent.rotation[0], &[], T0.plus_ms(60_000));
    let folded = stage.memory.admit(&rotate, &network()).unwrap().unwrap();
    assert!(folded.jobs);
    let told = |stage: &Stage| {
        let entries = posts.iter().map(|post| index::get(&stage.memory, &post.id()).unwrap().unwrap());
        entries.filter(|entry| entry.void().is_some()).count()
    };
    assert_eq!(told(&stage), void::AT_ONCE_MAX);
    for post in &posts {
        let entry = index::get(&stage.memory, &post.id()).unwrap().unwrap();
        assert_eq!(void::verdict(&stage.memory, &entry).unwrap(), CLOSED);
    }
    stage.memory.finish_jobs(&network()).unwrap();
    assert_eq!(told(&stage), posts.len());
    let reindexed = stage.memory.reindexed(&network()).unwrap();
    assert!(reindexed == stage.memory, "the same rows");
}

#[test]
fn damaged_rows_are_errors_that_name_them() {
    let mut stage = Stage::new(1);
    let post = stage.writer().post("one");
    stage.take(std::slice::from_ref(&post));
    let damaged: Vec<_> = stage.memory.rows().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut refused = 0;
    for (key, value) in damaged.iter().filter(|(_, value)| !value.is_empty()) {
        for cut in 0..value.len() {
            let mut memory = stage.memory.clone();
            memory.put(key.clone(), value.slice(..cut));
            let answers = [
                index::get(&memory, &post.id()).err(),
                identity::current(&memory, stage.agent.author()).err(),
                logs::heads(&memory, stage.agent.author(), None, 10).err(),
            ];
            refused += answers.into_iter().flatten().filter(|error| error.reason.contains("damaged")).count();
        }
    }
    assert!(refused > 300, "{refused} were refused");
}

#[test]
fn rows_from_before_an_eviction_beside_a_log_from_after_it_are_refused() {
    let mut stage = Stage::new(1);
    let writer = stage.writer();
    let mut posts: Vec<_> = (0..3).map(|number| writer.clone().post(&format!("at one place {number}"))).collect();
    posts.sort_by_key(|post| post.id());
    stage.take(std::slice::from_ref(&posts[2]));
    let before = stage.memory.clone();
    stage.take(&posts[..2]);
    assert_eq!(stage.memory.envelopes().count(), 4);
    // A crash took the rows back to the checkpoint; the log keeps what was written to it.
    let torn = before.with_log_of(&stage.memory);
    let upto = before.envelopes().last().unwrap().cursor;
    let mut overlay = Overlay::new(&torn, Pending::default());
    let refused = refold(&mut overlay, upto, 100, &network()).unwrap_err();
    assert!(refused.reason.contains("damaged"), "{refused}");
    let again = stage.memory.reindexed(&network()).unwrap();
    assert_eq!(index::get(&again, &posts[2].id()).unwrap(), None);
    let entry = index::get(&again, &posts[0].id()).unwrap().unwrap();
    assert_eq!(void::verdict(&again, &entry).unwrap(), FORK);
}
