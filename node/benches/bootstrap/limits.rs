//! What bounds a sync: a verifying stream of the same bytes, and the engine with the same batches.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;
use tidepool_kernel::{Batch, Store};
use tidepool_protocol::{Envelope, NetworkGenesis, Verified, verify};
use tidepool_store::{OpenSettings, SledStore};

/// Envelopes of one frame of the stream.
const FRAME: usize = 500;

/// Seconds that a stream of `envelopes` over TCP takes until `threads` threads have decoded and verified all of it.
pub(crate) fn stream(envelopes: &[Verified<Envelope>], threads: usize) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for frame in envelopes.chunks(FRAME) {
                let mut bytes = Vec::new();
                for envelope in frame {
                    bytes.extend(u32::try_from(envelope.bytes().len()).unwrap().to_be_bytes());
                    bytes.extend(envelope.bytes());
                }
                stream.write_all(&u32::try_from(bytes.len()).unwrap().to_be_bytes()).unwrap();
                stream.write_all(&bytes).unwrap();
            }
        });
        let (sender, receiver) = crossbeam_channel::bounded::<bytes::Bytes>(8);
        for _ in 0..threads {
            let receiver = receiver.clone();
            scope.spawn(move || {
                while let Ok(mut frame) = receiver.recv() {
                    while !frame.is_empty() {
                        let length = u32::from_be_bytes(frame.split_to(4).as_ref().try_into().unwrap());
                        let bytes = frame.split_to(usize::try_from(length).unwrap());
                        verify(Envelope::decode(bytes).unwrap()).unwrap();
                    }
                }
            });
        }
        let mut stream = TcpStream::connect(address).unwrap();
        let mut length = [0; 4];
        while stream.read_exact(&mut length).is_ok() {
            let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
            stream.read_exact(&mut frame).unwrap();
            sender.send(frame.into()).unwrap();
        }
        drop(sender);
    });
    began.elapsed().as_secs_f64()
}

/// Seconds until all `batches` are in a new store at `path`, flushed by a thread beside the writer.
pub(crate) fn engine(path: &Path, batches: Vec<Batch>) -> f64 {
    let mut store = SledStore::open(path, &OpenSettings::new(NetworkGenesis::development().id())).unwrap();
    let flush = store.flusher();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (asks, asked) = crossbeam_channel::unbounded::<()>();
        let flush = &flush;
        scope.spawn(move || {
            while asked.recv().is_ok() {
                while asked.try_recv().is_ok() {}
                flush().unwrap();
            }
        });
        for batch in batches {
            store.append(batch).unwrap();
            asks.send(()).unwrap();
        }
        flush().unwrap();
    });
    let seconds = began.elapsed().as_secs_f64();
    drop(flush);
    store.close().unwrap();
    seconds
}
