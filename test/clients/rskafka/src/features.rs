//! What is tried, one function a feature.

use std::time::Duration;

use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::{Record, RecordAndOffset};

use crate::records::{CODECS, at, records, same};

pub const FEATURES: &[&str] = &[
    "codec-none",
    "codec-gzip",
    "codec-snappy",
    "codec-lz4",
    "codec-zstd",
    "reads-none",
    "reads-gzip",
    "reads-snappy",
    "reads-lz4",
    "reads-zstd",
    "headers",
    "timestamps",
    "nulls",
    "large",
    "acks-all",
    "assign",
    "seek",
    "beginning-and-end",
    "offsets-for-times",
    "create-topic",
    "list-topics",
    "describe-topic",
    "delete-topic",
    "delete-records",
];

/// Bounds whatever waits for the broker; the library itself tries for ever.
const PATIENCE: Duration = Duration::from_secs(20);

type Outcome = Result<(), String>;

pub struct Features {
    client: Client,
    prefix: String,
    shared: String,
}

/// Of a codec in CODECS.
fn compression(codec: &str) -> Compression {
    match codec {
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        _ => Compression::NoCompression,
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Features {
    pub async fn connect(bootstrap: &str, prefix: &str, shared: &str) -> Self {
        let client = ClientBuilder::new(bootstrap.split(',').map(str::to_owned).collect())
            .build()
            .await
            .expect("a connection");
        Self {
            client,
            prefix: prefix.to_owned(),
            shared: shared.to_owned(),
        }
    }

    pub async fn attempt(&self, feature: &str) -> Outcome {
        let trying = async {
            match feature {
                "headers" | "timestamps" | "acks-all" => {
                    self.round_trip(
                        &self.topic(feature),
                        0,
                        records(),
                        Compression::NoCompression,
                    )
                    .await
                }
                "nulls" => self.nulls().await,
                "large" => self.large().await,
                "assign" => self.assign().await,
                "seek" => self.seek().await,
                "beginning-and-end" => self.beginning_and_end().await,
                "offsets-for-times" => self.offsets_for_times().await,
                "create-topic" => self.create_topic().await,
                "list-topics" | "describe-topic" => self.has_topic(true).await,
                "delete-topic" => self.delete_topic().await,
                "delete-records" => self.delete_records().await,
                _ => self.codec(feature).await,
            }
        };
        tokio::time::timeout(PATIENCE, trying)
            .await
            .unwrap_or_else(|_| Err("no end within 20 s".to_owned()))
    }

    fn topic(&self, feature: &str) -> String {
        format!("{}-{feature}", self.prefix)
    }

    async fn partition(&self, topic: &str, partition: i32) -> Result<PartitionClient, String> {
        self.client
            .partition_client(topic, partition, UnknownTopicHandling::Error)
            .await
            .map_err(text)
    }

    async fn send(
        &self,
        topic: &str,
        partition: i32,
        records: Vec<Record>,
        compression: Compression,
    ) -> Outcome {
        self.partition(topic, partition)
            .await?
            .produce(records, compression)
            .await
            .map(drop)
            .map_err(text)
    }

    /// The records of a partition from an offset on.
    async fn read(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        count: usize,
    ) -> Result<Vec<RecordAndOffset>, String> {
        let partition = self.partition(topic, partition).await?;
        let mut all: Vec<RecordAndOffset> = Vec::new();
        while all.len() < count {
            let next = all.last().map_or(from, |last| last.offset + 1);
            let (records, _) = partition
                .fetch_records(next, 1..10_000_000, 200)
                .await
                .map_err(text)?;
            all.extend(records);
        }
        Ok(all)
    }

    async fn holds(&self, topic: &str, partition: i32, from: i64, wanted: &[Record]) -> Outcome {
        let got = self.read(topic, partition, from, wanted.len()).await?;
        same(
            wanted,
            &got.into_iter().map(|each| each.record).collect::<Vec<_>>(),
        )
    }

    async fn round_trip(
        &self,
        topic: &str,
        partition: i32,
        sent: Vec<Record>,
        compression: Compression,
    ) -> Outcome {
        self.send(topic, partition, sent.clone(), compression)
            .await?;
        self.holds(topic, partition, 0, &sent).await
    }

    /// `codec-gzip`: sent and read; `reads-gzip`: read, written by another client.
    async fn codec(&self, feature: &str) -> Outcome {
        let (what, codec) = feature.split_once('-').ok_or("unknown feature")?;
        let partition = CODECS
            .iter()
            .position(|each| *each == codec)
            .ok_or("unknown codec")? as i32;
        match what {
            "codec" => {
                self.round_trip(
                    &self.topic("codecs"),
                    partition,
                    records(),
                    compression(codec),
                )
                .await
            }
            _ => self.holds(&self.shared, partition, 0, &records()).await,
        }
    }

    async fn nulls(&self) -> Outcome {
        let of = |key: Option<&[u8]>, value: Option<&[u8]>| Record {
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            headers: Default::default(),
            timestamp: at(1_700_000_000_000),
        };
        let sent = vec![
            of(Some(b"tombstone"), None),
            of(None, Some(b"without a key")),
            of(Some(b""), Some(b"")),
        ];
        self.round_trip(&self.topic("nulls"), 0, sent, Compression::NoCompression)
            .await
    }

    async fn large(&self) -> Outcome {
        let mut sent = records()[..1].to_vec();
        sent[0].value = Some(b"0123456789".repeat(90_000));
        self.round_trip(&self.topic("large"), 0, sent, Compression::NoCompression)
            .await
    }

    async fn assign(&self) -> Outcome {
        for partition in 0..2 {
            self.round_trip(
                &self.topic("assign"),
                partition,
                records(),
                Compression::NoCompression,
            )
            .await?;
        }
        Ok(())
    }

    async fn seek(&self) -> Outcome {
        self.holds(&self.topic("assign"), 0, 7, &records()[7..])
            .await
    }

    async fn offset(&self, feature: &str, at: OffsetAt) -> Result<i64, String> {
        self.partition(&self.topic(feature), 0)
            .await?
            .get_offset(at)
            .await
            .map_err(text)
    }

    async fn beginning_and_end(&self) -> Outcome {
        let found = (
            self.offset("assign", OffsetAt::Earliest).await?,
            self.offset("assign", OffsetAt::Latest).await?,
        );
        if found == (0, 20) {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    }

    async fn offsets_for_times(&self) -> Outcome {
        for (timestamp, wanted) in [
            (1_700_000_000_000, 0),
            (1_700_000_004_001, 5),
            (1_700_000_019_000, 19),
        ] {
            let found = self
                .offset("assign", OffsetAt::Timestamp(at(timestamp)))
                .await?;
            if found != wanted {
                return Err(format!("offset {found} for {timestamp}"));
            }
        }
        Ok(())
    }

    async fn create_topic(&self) -> Outcome {
        let admin = self.client.controller_client().map_err(text)?;
        admin
            .create_topic(self.topic("made"), 2, 1, 5000)
            .await
            .map_err(text)?;
        self.has_topic(true).await
    }

    async fn has_topic(&self, wanted: bool) -> Outcome {
        let topics = self.client.list_topics().await.map_err(text)?;
        let found = topics.iter().find(|topic| topic.name == self.topic("made"));
        match found {
            Some(topic) if wanted && topic.partitions.iter().copied().eq([0, 1]) => Ok(()),
            None if !wanted => Ok(()),
            _ => Err(format!("{found:?}")),
        }
    }

    async fn delete_topic(&self) -> Outcome {
        let admin = self.client.controller_client().map_err(text)?;
        admin
            .delete_topic(self.topic("made"), 5000)
            .await
            .map_err(text)?;
        self.has_topic(false).await
    }

    async fn delete_records(&self) -> Outcome {
        let topic = self.topic("delete-records");
        self.send(&topic, 0, records(), Compression::NoCompression)
            .await?;
        self.partition(&topic, 0)
            .await?
            .delete_records(12, 5000)
            .await
            .map_err(text)?;
        let first = self.offset("delete-records", OffsetAt::Earliest).await?;
        if first != 12 {
            return Err(format!("first offset {first}"));
        }
        self.holds(&topic, 0, 12, &records()[12..]).await
    }
}
