//! Real `tidepool` processes in network namespaces: latency, loss, partition, heal, NAT.
//!
//! ```text
//! cargo test -p tidepool --test netns                       small variants
//! TIDEPOOL_NETNS=full cargo test -p tidepool --test netns   as large and as long as is claimed in docs/PERFORMANCE.md
//! TIDEPOOL_NETNS=required …                                 fail where namespaces cannot be had, as CI does
//! ```
//!
//! Each scenario runs in a process of its own, in fresh network, mount and process namespaces: nothing outside is touched,
//! and when that process ends the kernel takes everything down that it set up. This needs root and iproute2. Where they
//! are missing, nothing is tried, and each scenario says NOT TRIED and why; the harness is our own because libtest has no
//! word for that.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod ground;
mod nat;
mod node;
mod partition;
#[path = "../processes/support.rs"]
mod support;

use std::process::{Command, ExitCode, Stdio};

/// Name and deed of each scenario.
const SCENARIOS: &[(&str, fn())] = &[
    ("halves_that_were_parted_under_load_end_equal", partition::halves_that_were_parted_under_load_end_equal),
    ("posts_arrive_over_a_slow_and_lossy_link", partition::posts_arrive_over_a_slow_and_lossy_link),
    ("a_node_behind_nat_is_reached_through_a_relay", nat::a_node_behind_nat_is_reached_through_a_relay),
    ("holes_are_punched_through_two_nats", nat::holes_are_punched_through_two_nats),
];

/// Names the scenario that this process is to play, inside its namespaces.
const INSIDE: &str = "TIDEPOOL_NETNS_INSIDE";

/// Whether scenarios run at their full size.
pub fn full() -> bool {
    std::env::var("TIDEPOOL_NETNS").is_ok_and(|wanted| wanted == "full")
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(INSIDE) {
        ground::end_with_the_parent();
        let (_, play) = SCENARIOS.iter().find(|(known, _)| *known == name).expect("a scenario of this name");
        play();
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen: Vec<_> = SCENARIOS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())))
        .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        chosen.iter().for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let required = std::env::var("TIDEPOOL_NETNS").is_ok_and(|wanted| !wanted.is_empty());
    let ground = ground::available();
    let (mut failed, mut untried) = (0, 0);
    for name in &chosen {
        let nat = name.contains("nat");
        let missing = match &ground {
            Err(reason) => Some(reason.as_str()),
            Ok(()) if nat && !ground::has("nft") => Some("nft is not there; install nftables"),
            Ok(()) => None,
        };
        if let Some(reason) = missing {
            println!("scenario {name} ... NOT TRIED: {reason}");
            untried += 1;
            continue;
        }
        println!("scenario {name} ...");
        let mut inside = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg(std::env::current_exe().unwrap())
            .env(INSIDE, name)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let held = inside.stdin.take();
        let status = inside.wait().unwrap();
        drop(held);
        println!("scenario {name} ... {}", if status.success() { "ok" } else { "FAILED" });
        failed += usize::from(!status.success());
    }
    println!("network namespaces: {} tried, {failed} failed, {untried} NOT TRIED", chosen.len() - untried);
    if failed == 0 && (untried == 0 || !required) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
