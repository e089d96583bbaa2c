//! A libp2p peer that is none of ours: it speaks the protocols wrongly, or only some of them.

use crate::support::{DEADLINE, key, within};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::identity::{Keypair, ed25519};
use libp2p::kad::store::MemoryStore;
use libp2p::request_response::{self, ProtocolSupport, ResponseChannel};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{PeerId, StreamProtocol, Swarm, SwarmBuilder, gossipsub, identify, kad, noise, tcp, yamux};
use std::io;
use tidepool_kernel::Peer;
use tidepool_net::{Multiaddr, peer_of};
use tidepool_protocol::{NetworkId, text};
use tokio::sync::mpsc;

/// Bytes as they are, both ways.
#[derive(Clone, Default)]
pub struct RawCodec;

impl request_response::Codec for RawCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = Vec::new();
        io.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn read_response<T>(&mut self, protocol: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read_request(protocol, io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(&mut self, protocol: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write_request(protocol, io, bytes).await
    }
}

#[derive(NetworkBehaviour)]
pub struct RawBehaviour {
    pub identify: identify::Behaviour,
    pub kad: Toggle<kad::Behaviour<MemoryStore>>,
    pub sync: Toggle<request_response::Behaviour<RawCodec>>,
    pub gossip: Toggle<gossipsub::Behaviour>,
}

pub type Event = SwarmEvent<RawBehaviourEvent>;
type Deed = Box<dyn FnOnce(&mut Swarm<RawBehaviour>) + Send>;

/// The peer; its swarm runs in a task of its own and tells of everything.
pub struct Raw {
    pub peer: Peer,
    deeds: mpsc::UnboundedSender<Deed>,
    events: mpsc::UnboundedReceiver<Event>,
}

/// What the peer speaks, besides identify.
pub struct Speaks {
    pub network: NetworkId,
    pub kad: bool,
    pub sync: bool,
    pub gossip: bool,
}

impl Raw {
    pub async fn start(seed: u8, speaks: Speaks) -> (Self, Multiaddr) {
        let secret = ed25519::SecretKey::try_from_bytes(*key(seed).seed()).unwrap();
        let keypair = Keypair::from(ed25519::Keypair::from(secret));
        let id = keypair.public().to_peer_id();
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|keypair| behaviour(keypair, &speaks))
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(DEADLINE))
            .build();
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let listening = async {
            loop {
                if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                    return address;
                }
            }
        };
        let address = within("an address", listening).await;
        let (deeds, mut to_do) = mpsc::unbounded_channel::<Deed>();
        let (told, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    deed = to_do.recv() => match deed {
                        Some(deed) => deed(&mut swarm),
                        None => return,
                    },
                    event = swarm.select_next_some() => {
                        let _ = told.send(event);
                    }
                }
            }
        });
        (Self { peer: peer_of(&id).unwrap(), deeds, events }, address)
    }

    pub fn act(&self, deed: impl FnOnce(&mut Swarm<RawBehaviour>) + Send + 'static) {
        assert!(self.deeds.send(Box::new(deed)).is_ok(), "the raw peer runs");
    }

    /// The next event of which `pick` makes something; the others are dropped.
    pub async fn event<T>(&mut self, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(picked) = pick(self.events.recv().await.expect("the raw peer runs")) {
                    return picked;
                }
            }
        };
        within(what, waiting).await
    }

    pub fn dial(&self, address: Multiaddr) {
        self.act(move |swarm| swarm.dial(address).unwrap());
    }

    pub fn ask(&self, peer: PeerId, bytes: Vec<u8>) {
        self.act(move |swarm| {
            swarm.behaviour_mut().sync.as_mut().unwrap().send_request(&peer, bytes);
        });
    }

    /// The bytes of the next answer; `None` when there was none.
    pub async fn answer(&mut self) -> Option<Vec<u8>> {
        self.event("an answer", |event| match event {
            SwarmEvent::Behaviour(RawBehaviourEvent::Sync(request_response::Event::Message {
                message: request_response::Message::Response { response, .. },
                ..
            })) => Some(Some(response)),
            SwarmEvent::Behaviour(RawBehaviourEvent::Sync(request_response::Event::OutboundFailure { .. })) => {
                Some(None)
            }
            _ => None,
        })
        .await
    }

    pub async fn request(&mut self) -> (Vec<u8>, ResponseChannel<Vec<u8>>) {
        self.event("a request", |event| match event {
            SwarmEvent::Behaviour(RawBehaviourEvent::Sync(request_response::Event::Message {
                message: request_response::Message::Request { request, channel, .. },
                ..
            })) => Some((request, channel)),
            _ => None,
        })
        .await
    }

    pub fn respond(&self, channel: ResponseChannel<Vec<u8>>, bytes: Vec<u8>) {
        self.act(move |swarm| {
            swarm.behaviour_mut().sync.as_mut().unwrap().send_response(channel, bytes).unwrap();
        });
    }

    pub async fn identified(&mut self, peer: PeerId) {
        self.event("identify", |event| match event {
            SwarmEvent::Behaviour(RawBehaviourEvent::Identify(identify::Event::Received { peer_id, .. })) => {
                (peer_id == peer).then_some(())
            }
            _ => None,
        })
        .await;
    }
}

fn behaviour(keypair: &Keypair, speaks: &Speaks) -> RawBehaviour {
    let id = keypair.public().to_peer_id();
    let network = text::network(speaks.network);
    let kad = speaks.kad.then(|| {
        let name = StreamProtocol::try_from_owned(format!("/tidepool/{network}/kad/1")).unwrap();
        let mut config = kad::Config::new(name);
        // It tells others of those only that the test puts into its table.
        config.set_kbucket_inserts(kad::BucketInserts::Manual);
        let mut kad = kad::Behaviour::with_config(id, MemoryStore::new(id), config);
        kad.set_mode(Some(kad::Mode::Server));
        kad
    });
    let protocols = [(StreamProtocol::new("/tidepool/sync/1"), ProtocolSupport::Full)];
    let sync = speaks.sync.then(|| request_response::Behaviour::new(protocols, request_response::Config::default()));
    let gossip = speaks.gossip.then(|| {
        let config = gossipsub::ConfigBuilder::default()
            .validation_mode(gossipsub::ValidationMode::Anonymous)
            .message_id_fn(|message| gossipsub::MessageId::new(&message.data[..message.data.len().min(20)]))
            .max_transmit_size(1024 * 1024)
            .build()
            .unwrap();
        gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, config).unwrap()
    });
    RawBehaviour {
        identify: identify::Behaviour::new(identify::Config::new(format!("/tidepool/{network}/1"), keypair.public())),
        kad: kad.into(),
        sync: sync.into(),
        gossip: gossip.into(),
    }
}
