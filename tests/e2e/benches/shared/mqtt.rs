//! A subscriber and a publisher that do nothing but count bytes off a socket, so that a drain measures who drains.

use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Silence after which a drain has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes taken off or put on a socket at once.
const BUFFER_BYTES: usize = 1 << 18;

const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const QOS_1: u8 = 0x02;

/// What a subscriber was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    /// From the first message of any kind to the last one that was waited for.
    pub(crate) took: Duration,
    /// Bytes of payload of the messages that were waited for.
    pub(crate) payload: usize,
}

/// A connection with a clean session and no keep-alive.
fn connect(broker: SocketAddr, name: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(broker)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = b"\x00\x04MQTT\x04\x02\x00\x00";
    stream.write_all(&packet(0x10, &[head, text(name).as_slice()].concat()))?;
    let (kind, body) = read_packet(&mut stream)?;
    ensure!(kind == 0x20 && body == [0, 0], "the broker answers {kind:#x} {body:?} to a CONNECT");
    Ok(stream)
}

/// Listens at QoS 0, which costs the broker and this process the least.
pub(crate) struct Subscriber(BufReader<TcpStream>);

impl Subscriber {
    /// Subscribes to everything, and to what bridges say of their connection.
    pub(crate) fn to_everything(broker: SocketAddr) -> Result<Self> {
        let mut stream = connect(broker, "subscriber")?;
        let filters = [text("#"), vec![0], text("$SYS/broker/connection/#"), vec![0]].concat();
        stream.write_all(&packet(0x82, &[[0, 1].as_slice(), &filters].concat()))?;
        let mut input = BufReader::with_capacity(BUFFER_BYTES, stream);
        let (kind, _) = read_packet(&mut input)?;
        ensure!(kind == 0x90, "the broker answers {kind:#x} to a SUBSCRIBE");
        Ok(Self(input))
    }

    /// Waits for so many messages on topics that end in `ending`. The clock starts with the first message on any topic:
    /// an agent and a bridge both begin by saying that they are there.
    pub(crate) fn receive(&mut self, ending: &str, wanted: usize) -> Result<Received> {
        let (mut begun, mut seen, mut payload) = (None, 0, 0);
        loop {
            let (kind, body) = read_packet(&mut self.0).with_context(|| format!("after {seen} of {wanted}"))?;
            let begun = *begun.get_or_insert_with(Instant::now);
            ensure!(kind & 0xf0 == PUBLISH, "the broker sends {kind:#x} to a subscriber");
            let topic_end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
            if !body[2..topic_end].ends_with(ending.as_bytes()) {
                continue;
            }
            seen += 1;
            payload += body.len() - topic_end;
            if seen == wanted {
                return Ok(Received { took: begun.elapsed(), payload });
            }
        }
    }
}

/// Publishes so many messages at QoS 1 and waits until the broker has acknowledged all of them.
pub(crate) fn publish(broker: SocketAddr, topic: &str, payload: &[u8], count: usize) -> Result<()> {
    let stream = connect(broker, "publisher")?;
    let mut acknowledgements = BufReader::new(stream.try_clone()?);
    let counting = std::thread::spawn(move || -> Result<()> {
        for number in 0..count {
            let (kind, _) = read_packet(&mut acknowledgements).with_context(|| format!("after {number}"))?;
            ensure!(kind == PUBACK, "the broker answers {kind:#x} to a PUBLISH");
        }
        Ok(())
    });
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, stream);
    for number in 0..count {
        // Packet ids run from 1; one in use again so much later has long been acknowledged.
        let id = u16::try_from(number % 65_535 + 1).expect("within 16 bits").to_be_bytes();
        output.write_all(&packet(PUBLISH | QOS_1, &[text(topic).as_slice(), &id, payload].concat()))?;
    }
    output.flush()?;
    counting.join().expect("the counting thread does not panic")
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text").to_be_bytes();
    [length.as_slice(), text.as_bytes()].concat()
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let (mut packet, mut left) = (vec![kind], body.len());
    loop {
        let seven = u8::try_from(left % 128).expect("seven bits");
        left /= 128;
        packet.push(if left > 0 { seven | 0x80 } else { seven });
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

fn read_packet(input: &mut impl Read) -> Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    input.read_exact(&mut byte).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => anyhow::anyhow!("nothing came for {PATIENCE:?}"),
        _ => error.into(),
    })?;
    let (kind, mut length) = (byte[0], 0);
    for shift in [0, 7, 14, 21] {
        input.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            let mut body = vec![0; length];
            input.read_exact(&mut body)?;
            return Ok((kind, body));
        }
    }
    bail!("a packet length of more than four bytes")
}
