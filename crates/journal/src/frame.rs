//! The zstd frames a segment is made of.

use std::io;

use xxhash_rust::xxh3::xxh3_128;
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, find_frame_compressed_size};

/// Random bytes that tell one open segment from every other.
pub(crate) type Token = [u8; PAYLOAD];

/// What token and seal hold.
const PAYLOAD: usize = 16;
/// Magic number, size, payload.
pub(crate) const MARK_LEN: usize = 8 + PAYLOAD;

/// zstd's skippable frames begin with 0x184D2A50 to 0x184D2A5F; the last digit is free for use.
const TOKEN_MAGIC: u32 = 0x184D_2A5C;
const SEAL_MAGIC: u32 = 0x184D_2A5E;

/// Fast: the bytes are small beside what a destination does with them.
pub(crate) const LEVEL: i32 = 1;

/// A frame that holds all of `content`, checksummed.
pub(crate) fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    compressor.compress(content)
}

/// How long the frame is that `bytes` begin with; `None` while its end is not among them.
pub(crate) fn first_frame_len(bytes: &[u8]) -> Option<usize> {
    find_frame_compressed_size(bytes).ok()
}

pub(crate) fn token_frame(token: &Token) -> [u8; MARK_LEN] {
    mark(TOKEN_MAGIC, token)
}

pub(crate) fn seal_frame(checksum: u128) -> [u8; MARK_LEN] {
    mark(SEAL_MAGIC, &checksum.to_be_bytes())
}

/// The token that `bytes` begin with.
pub(crate) fn token(bytes: &[u8]) -> Option<Token> {
    let frame = bytes.get(..MARK_LEN)?;
    let token: Token = frame[MARK_LEN - PAYLOAD..].try_into().expect("a payload has its length");
    (frame == token_frame(&token)).then_some(token)
}

/// The bytes before the seal, if they are what was sealed.
pub(crate) fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (sealed, seal) = bytes.split_at_checked(bytes.len().checked_sub(MARK_LEN)?)?;
    (seal == seal_frame(xxh3_128(sealed))).then_some(sealed)
}

fn mark(magic: u32, payload: &[u8; PAYLOAD]) -> [u8; MARK_LEN] {
    let mut frame = [0; MARK_LEN];
    frame[..4].copy_from_slice(&magic.to_le_bytes());
    frame[4..8].copy_from_slice(&(PAYLOAD as u32).to_le_bytes());
    frame[8..].copy_from_slice(payload);
    frame
}
