//! `kill -9` at random moments under load: what was acknowledged is there afterwards, and the nodes converge.

use super::support::{Node, try_http, wait_for};
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Kills in one run of the tests; `TIDEPOOL_KILLS=20` for the full exercise.
fn kills() -> usize {
    std::env::var("TIDEPOOL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

#[test]
fn no_acknowledged_post_is_missing_after_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let first = Node::start(&directory.path().join("1"), &[]);
    let mut second = Node::start(&directory.path().join("2"), &[&first.listen()]);
    let key = second.register("posts-under-fire");
    let acknowledged = Mutex::new(Vec::<String>::new());
    let mut seed = u64::from(std::process::id());
    println!("moments drawn from seed {seed}");
    for round in 0..kills() {
        let before = acknowledged.lock().unwrap().len();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (api, key) = (second.api().to_owned(), &key);
            for writer in 0..4 {
                let (api, stop, acknowledged) = (api.clone(), &stop, &acknowledged);
                scope.spawn(move || {
                    for number in 0.. {
                        let body = json!({"submolt_name": "general", "title": format!("{round}/{writer}/{number}"), "content": "x"});
                        match try_http(&api, "POST", "/api/v1/posts", Some(key), Some(&body)) {
                            Ok((201, answer)) => {
                                acknowledged.lock().unwrap().push(answer["post"]["id"].as_str().unwrap().to_owned());
                            }
                            Ok((status, answer)) => panic!("refused under load with {status}: {answer}"),
                            Err(_) if stop.load(Ordering::Relaxed) => break,
                            Err(_) => {}
                        }
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                });
            }
            // A splitmix step: a moment between 50 and 1,500 ms after the first acknowledged post of the round.
            seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            wait_for("a first post of the round", || (acknowledged.lock().unwrap().len() > before).then_some(()));
            let moment = Instant::now() + Duration::from_millis(50 + (seed >> 33) % 1_450);
            wait_for("the moment", || (Instant::now() >= moment).then_some(()));
            stop.store(true, Ordering::Relaxed);
            second.kill();
        });
        let restarted = Instant::now();
        second.start_again();
        let posts = acknowledged.lock().unwrap().clone();
        let missing: Vec<_> =
            posts.iter().filter(|id| second.get(&format!("/api/v1/posts/{id}")).get("post").is_none()).collect();
        assert!(missing.is_empty(), "{} of {} acknowledged posts are missing: {missing:?}", missing.len(), posts.len());
        wait_for("equal digests after the restart", || (first.digests() == second.digests()).then_some(()));
        println!(
            "kill {}: {} acknowledged in all, none missing, digests equal {} ms after the restart began",
            round + 1,
            posts.len(),
            restarted.elapsed().as_millis()
        );
    }
}
