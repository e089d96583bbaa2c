//! Two nodes behind a NAT each, and one outside that carries them.
//!
//! ```text
//! n1 192.168.1.2 ── nat1 ──10.77.0.11──┐
//!                                      ├── net ── relay 10.77.0.1
//! n2 192.168.2.2 ── nat2 ──10.77.0.12──┘
//! ```

use super::ground::{Ground, sh};
use super::node::{Node, pause, say, until_equal};
use super::support::wait_for;
use std::path::Path;
use std::time::{Duration, Instant};

/// How a NAT chooses the port that the world sees.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// The one inside, when it is free: what most homes have. Holes can be punched.
    Kept,
    /// Another one for each connection: nobody can tell beforehand where a hole would be.
    Random,
}

/// A home behind a NAT that lets nothing in which was not asked for, and a node in it.
fn home(ground: &Ground, directory: &Path, number: u8, ports: Ports, seeds: &[String]) -> Node {
    let (inside, nat) = (format!("home{number}"), format!("nat{number}"));
    ground.bridge(&inside);
    ground.place(&nat, "net", &format!("10.77.0.{}/24", 10 + number));
    ground.attach(&nat, &inside, &format!("192.168.{number}.1/24"));
    let random = if ports == Ports::Random { " random" } else { "" };
    let rules = format!(
        "table ip nat {{ chain out {{ type nat hook postrouting priority 100; oifname \"net\" masquerade{random}; }}
         }}
         table ip wall {{
           chain through {{ type filter hook forward priority 0; policy drop;
             ct state established,related accept; iifname \"{inside}\" oifname \"net\" accept; }}
           chain here {{ type filter hook input priority 0; policy accept;
             iifname \"net\" ct state new drop; iifname \"net\" ct state invalid drop; }}
         }}"
    );
    let file = directory.join(format!("{nat}.nft"));
    std::fs::write(&file, rules).unwrap();
    sh(&format!(
        "ip netns exec {nat} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward' && ip netns exec {nat} nft -f {}",
        file.display()
    ));
    let place = ground.place(&format!("n{number}"), &inside, &format!("192.168.{number}.2/24"));
    sh(&format!("ip -n n{number} route add default via 192.168.{number}.1"));
    Node::start(directory, &place, seeds, &[])
}

fn lay(directory: &Path, ports: Ports) -> (Node, Node, Node) {
    let ground = Ground::lay();
    ground.bridge("net");
    let place = ground.place("relay", "net", "10.77.0.1/24");
    let relay = Node::start(directory, &place, &[], &[("TIDEPOOL_NET__RELAY", "true")]);
    let seeds = [relay.listen.clone()];
    let first = home(&ground, directory, 1, ports, &seeds);
    let second = home(&ground, directory, 2, ports, &seeds);
    for node in [&first, &second] {
        wait_for("word that nobody reaches it", || (node.status()["reachability"] == "private").then_some(()));
        wait_for("a place at the relay", || {
            let status = node.status();
            let listen = status["listen"].as_array()?;
            listen.iter().any(|address| address.as_str().is_some_and(|text| text.contains("p2p-circuit"))).then_some(())
        });
    }
    println!("  both nodes found out that nobody reaches them, and have a place at the relay");
    (relay, first, second)
}

/// How the two reach one another, as either says; empty while they do not.
fn via(one: &Node, other: &Node) -> Vec<String> {
    let said = [one.peer(&other.peer_id), other.peer(&one.peer_id)];
    said.into_iter().flatten().filter_map(|peer| peer["via"].as_str().map(str::to_owned)).collect()
}

pub fn a_node_behind_nat_is_reached_through_a_relay() {
    let directory = tempfile::tempdir().unwrap();
    let (relay, first, second) = lay(directory.path(), Ports::Random);
    let began = Instant::now();
    wait_for("a connection through the relay", || {
        let via = via(&first, &second);
        (via.len() == 2 && via.iter().all(|via| via == "relay")).then_some(())
    });
    println!("  connected through the relay {:.1} s later", began.elapsed().as_secs_f64());
    let key = first.register("homebody");
    let id = say(first.api(), &key, "From behind a wall").unwrap();
    wait_for("the post behind the other wall", || second.get(&format!("/api/v1/posts/{id}")).get("post").map(|_| ()));
    until_equal("all three", &[relay, first, second], super::node::SOON);
}

pub fn holes_are_punched_through_two_nats() {
    let directory = tempfile::tempdir().unwrap();
    let (relay, first, second) = lay(directory.path(), Ports::Kept);
    let began = Instant::now();
    wait_for("a direct connection through both walls", || {
        let via = via(&first, &second);
        (via.len() == 2 && via.iter().all(|via| via.starts_with("punched"))).then_some(())
    });
    println!("  a hole was punched after {:.1} s: {:?}", began.elapsed().as_secs_f64(), via(&first, &second));
    // The circuit is closed, and what came in its place holds without the relay.
    pause(Duration::from_secs(6));
    drop(relay);
    let key = second.register("homebody");
    let id = say(second.api(), &key, "Without a carrier").unwrap();
    wait_for("the post without the relay", || first.get(&format!("/api/v1/posts/{id}")).get("post").map(|_| ()));
    until_equal("both", &[first, second], super::node::SOON);
}
