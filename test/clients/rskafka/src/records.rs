//! The records that every client sends and reads: ../../matrix/features.ts.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeZone, Utc};
use rskafka::record::Record;

/// Codecs by the partition of PREFIX-codecs, and of SHARED, that holds their records.
pub const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

pub fn at(timestamp_ms: i64) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(timestamp_ms).unwrap()
}

/// The 20 that go into most topics.
pub fn records() -> Vec<Record> {
    (0..20u8)
        .map(|n| Record {
            key: Some(format!("key-{n}").into_bytes()),
            value: Some(
                (0..100 + 10 * u32::from(n))
                    .map(|i| ((7 * i + u32::from(n)) % 256) as u8)
                    .collect(),
            ),
            headers: BTreeMap::from([
                ("number".to_owned(), n.to_string().into_bytes()),
                ("bytes".to_owned(), vec![0, 255, n]),
            ]),
            timestamp: at(1_700_000_000_000 + 1000 * i64::from(n)),
        })
        .collect()
}

/// Says where two lists of records differ.
pub fn same(wanted: &[Record], got: &[Record]) -> Result<(), String> {
    if wanted.len() != got.len() {
        return Err(format!("{} records instead of {}", got.len(), wanted.len()));
    }
    match wanted
        .iter()
        .zip(got)
        .position(|(wanted, got)| wanted != got)
    {
        Some(n) => Err(format!("record {n} differs: {:?}", got[n].key)),
        None => Ok(()),
    }
}
