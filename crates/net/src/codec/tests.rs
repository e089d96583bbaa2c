//! Frames come back as they went out; whatever else a stream carries is an error, and costs little.

#![allow(clippy::unwrap_used)]

use super::*;
use futures::executor::block_on;
use futures::io::Cursor;
use libp2p::request_response::Codec as _;

fn read_response(bytes: &[u8]) -> io::Result<Answer> {
    block_on(SyncCodec::default().read_response(&SYNC_PROTOCOL, &mut Cursor::new(bytes)))
}

fn read_request(bytes: &[u8]) -> io::Result<Question> {
    block_on(SyncCodec::default().read_request(&SYNC_PROTOCOL, &mut Cursor::new(bytes)))
}

#[test]
fn frames_of_every_size_come_back() {
    for size in [0, 1, STEP - 1, STEP, STEP + 1, SYNC_FRAME_BYTES_MAX] {
        let frame = Bytes::from(vec![7; size]);
        let mut wire = Cursor::new(Vec::new());
        block_on(SyncCodec::default().write_request(&SYNC_PROTOCOL, &mut wire, Question::Frame(frame.clone())))
            .unwrap();
        assert_eq!(read_request(wire.get_ref()).unwrap(), Question::Frame(frame.clone()));
        let mut wire = Cursor::new(Vec::new());
        block_on(SyncCodec::default().write_response(&SYNC_PROTOCOL, &mut wire, Answer::Frame(frame.clone()))).unwrap();
        assert_eq!(read_response(wire.get_ref()).unwrap(), Answer::Frame(frame));
    }
    assert_eq!(read_response(&[1]).unwrap(), Answer::Busy);
}

#[test]
fn a_frame_over_the_limit_is_neither_written_nor_read() {
    let frame = Bytes::from(vec![0; SYNC_FRAME_BYTES_MAX + 1]);
    let mut wire = Cursor::new(Vec::new());
    let error =
        block_on(SyncCodec::default().write_request(&SYNC_PROTOCOL, &mut wire, Question::Frame(frame))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let claim = u32::try_from(SYNC_FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
    assert_eq!(read_request(&claim).unwrap(), Question::Garbage);
    assert_eq!(read_request(&[0xff; 8]).unwrap(), Question::Garbage);
    assert!(is_to_blame(&read_response(&[0, 0xff, 0xff, 0xff, 0xff]).unwrap_err()));
}

#[test]
fn a_stream_that_ends_inside_a_frame_broke_it_and_one_that_ends_before_did_not() {
    let claim = 1_000_000_u32.to_be_bytes();
    let error = read_request(&claim).unwrap_err();
    assert_eq!((error.kind(), is_to_blame(&error)), (io::ErrorKind::InvalidData, false));
    assert!(!is_to_blame(&read_response(&[0, 0, 0]).unwrap_err()));
    assert_eq!(read_response(&[0, 0, 0]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(read_response(&[9]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(read_response(&[]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}
