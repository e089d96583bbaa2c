//! Requests and answers between nodes.

use crate::support::{Plan, pair};
use tidepool_kernel::Effect;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_answered() {
    let (mut a, mut b) = pair(Plan::new(1), Plan::new(2)).await;
    let asked = b.ask(a.peer, "what have you?");
    let (from, channel, frame) = a.request();
    assert_eq!((from, frame.as_slice()), (b.peer, b"what have you?".as_slice()));
    a.effect(Effect::Respond { channel, frame: vec![9; 1024 * 1024].into() });
    assert_eq!(b.answer_to(asked), Ok(vec![9; 1024 * 1024]));
}
