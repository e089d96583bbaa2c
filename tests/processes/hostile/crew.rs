//! Peers that have a network and no rules: one attacker under as many names as it likes, in one process with half a core.

use super::liar::{self, Lie};
use super::stage::Stage;
use crate::stranger::{all_topics, topic};
use bytes::Bytes;
use crossbeam_channel::Receiver;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidepool_kernel::{Effect, Input, Peer, PublishOutcome, RequestFailure, RequestId, Ticket};
use tidepool_net::{InputLanes, Loopback, Net, NetHandle, NetSettings, NetStart};
use tidepool_protocol::sync::{SyncAnswer, SyncRequest};
use tidepool_protocol::{NetworkGenesis, SecretKey};

/// Requests that one node of ours has open to one peer.
const OPEN_MAX: usize = 16;

/// One name of the attacker's.
struct Member {
    net: NetHandle,
    inputs: Receiver<Input>,
    /// Requests that were not answered yet.
    open: usize,
}

/// The attacker.
pub struct Crew {
    runtime: tokio::runtime::Runtime,
    name: &'static str,
    address: String,
    /// What it answers to requests.
    lie: Option<Lie>,
    members: Vec<Member>,
    /// Names that it had so far.
    names: u32,
    next: u64,
    /// Frames that went out, and requests that were answered in any way.
    offered: u64,
}

fn secret(name: &str, number: u32) -> SecretKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    seed[24..28].copy_from_slice(&number.to_be_bytes());
    seed[28..].copy_from_slice(&std::process::id().to_be_bytes());
    SecretKey::from_seed(seed)
}

impl Crew {
    /// Connects to the node at `address` under `count` names; its threads have the attacker's name.
    pub fn join(stage: &Stage, address: &str, count: usize, lie: Option<Lie>) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name(stage.name).enable_all().build().unwrap();
        let (address, members) = (address.to_owned(), Vec::new());
        let mut crew = Self { runtime, name: stage.name, address, lie, members, names: 0, next: 0, offered: 0 };
        for _ in 0..count {
            let member = crew.member();
            crew.members.push(member);
        }
        crew
    }

    /// A new name.
    fn member(&mut self) -> Member {
        let (sender, inputs) = crossbeam_channel::unbounded();
        let settings = NetSettings {
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
            seeds: vec![self.address.parse().unwrap()],
            loopback: Loopback::On,
            // It is interested in one node only.
            peers_wanted: 0,
            ..NetSettings::default()
        };
        let start = NetStart {
            settings,
            network: NetworkGenesis::development().id(),
            key: secret(self.name, self.names),
            inputs: InputLanes::from(sender),
            known_peers: Vec::new(),
        };
        self.names += 1;
        let (net, _) = self.runtime.block_on(Net::start(start)).unwrap();
        for topic in all_topics() {
            assert!(net.effect(Effect::Join(topic)).is_none());
        }
        Member { net, inputs, open: 0 }
    }

    /// Publishes under one name after the other.
    pub fn publish(&mut self, frame: &Bytes) {
        self.next += 1;
        let member = &self.members[self.next as usize % self.members.len()];
        let effect = Effect::Publish { ticket: Ticket(self.next), topic: topic(), frame: frame.clone() };
        if member.net.effect(effect).is_some() {
            // Its own queue is full: the swarm's task is what has the half core.
            std::thread::park_timeout(Duration::from_micros(200));
        }
    }

    /// Asks, unless so much is open already that its own network would refuse it.
    pub fn ask(&mut self, peer: Peer, request: &SyncRequest) {
        self.next += 1;
        let place = self.next as usize % self.members.len();
        let member = &mut self.members[place];
        let effect = Effect::Request { request: RequestId(self.next), peer, frame: request.encode() };
        if member.open >= OPEN_MAX || member.net.effect(effect).is_some() {
            std::thread::park_timeout(Duration::from_micros(200));
            return;
        }
        member.open += 1;
    }

    /// Takes what came, lies when asked, and comes back under another name when it was sent away.
    pub fn react(&mut self, stage: &Stage) {
        for place in 0..self.members.len() {
            if self.hear(place) {
                let fresh = self.member();
                let gone = std::mem::replace(&mut self.members[place], fresh);
                self.runtime.block_on(gone.net.stop());
            }
        }
        stage.offered.store(self.offered, Ordering::Relaxed);
        stage.names.store(self.names, Ordering::Relaxed);
    }

    /// Whether the victim hung up.
    fn hear(&mut self, place: usize) -> bool {
        let (member, lie, offered) = (&mut self.members[place], self.lie.as_ref(), &mut self.offered);
        let mut gone = false;
        while let Ok(input) = member.inputs.try_recv() {
            match input {
                Input::Published { outcome: PublishOutcome::Sent, .. } => *offered += 1,
                Input::Response { result, .. } => {
                    member.open -= 1;
                    *offered += u64::from(matches!(result, Ok(_) | Err(RequestFailure::Busy)));
                }
                Input::Request { channel, frame, .. } => {
                    let answer = match (lie, SyncRequest::decode(&frame).ok()) {
                        (Some(lie), Some(request)) => {
                            *offered += 1;
                            liar::answer(lie, &request)
                        }
                        _ => SyncAnswer::Busy,
                    };
                    let _ = member.net.effect(Effect::Respond { channel, frame: answer.encode() });
                }
                Input::PeerDisconnected { .. } => gone = true,
                _ => {}
            }
        }
        gone
    }

    /// Whether the victim is connected to anybody of the crew; takes what came meanwhile.
    pub fn is_met(&self) -> bool {
        self.members
            .iter()
            .any(|member| member.inputs.try_iter().any(|input| matches!(input, Input::PeerConnected { .. })))
    }

    pub const fn offered(&self) -> u64 {
        self.offered
    }

    /// Hangs up.
    pub fn leave(self) {
        for member in self.members {
            self.runtime.block_on(member.net.stop());
        }
    }
}
