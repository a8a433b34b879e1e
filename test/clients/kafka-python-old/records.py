"""Records with kafka-python 2.0.2 as it spoke to Kafka 0.8.2, 0.9 and 0.10: in messages of magic 0 and 1; from and to files.

produce BOOTSTRAP API_VERSION FILE TOPIC:compression.type=CODEC ..   sends the file's records, but their headers, to each topic; each must get
                                                                     the offset that the file has for it
read BOOTSTRAP API_VERSION FOLDER COUNT TOPIC ..                     reads COUNT records of each topic, by assignment, into FOLDER/TOPIC

CODECS names a folder that has the libraries for snappy and lz4.
"""
import os
import sys
import time
import types

sys.path.append(os.environ["CODECS"])  # last: kafka must be the one of this Python


def xxh32(data):
    """xxHash of less than 16 bytes: kafka-python wants the package xxhash for the head of a lz4 frame, and for that alone."""
    mask = 0xFFFFFFFF
    turn = lambda value, by: ((value << by) | (value >> (32 - by))) & mask
    digest, at = (374761393 + len(data)) & mask, 0
    while at + 4 <= len(data):
        digest = turn((digest + int.from_bytes(data[at : at + 4], "little") * 3266489917) & mask, 17) * 668265263 & mask
        at += 4
    for byte in data[at:]:
        digest = turn((digest + byte * 374761393) & mask, 11) * 2654435761 & mask
    digest = (digest ^ digest >> 15) * 2246822519 & mask
    digest = (digest ^ digest >> 13) * 3266489917 & mask
    digest ^= digest >> 16
    return types.SimpleNamespace(digest=lambda: digest.to_bytes(4, "big"))


sys.modules["xxhash"] = types.SimpleNamespace(xxh32=xxh32)

from kafka import KafkaConsumer, KafkaProducer, TopicPartition  # noqa: E402
from record_file import read_records, topic_and_settings, write_records  # noqa: E402

DEADLINE_S = 60
# A batch that is larger than the limit of the client is not sent before Fetch 3.
MAX_PARTITION_BYTES = 4 * 1024 * 1024


def produce(bootstrap, api_version, path, *topics):
    records = read_records(path)
    for topic, settings in map(topic_and_settings, topics):
        codec = None if settings["compression.type"] == "none" else settings["compression.type"]
        producer = KafkaProducer(bootstrap_servers=bootstrap, api_version=api_version, linger_ms=5, acks="all", compression_type=codec)
        futures = [
            producer.send(topic, key=key, value=value, partition=partition, timestamp_ms=timestamp)
            for partition, _, timestamp, key, value, _ in records
        ]
        producer.flush(DEADLINE_S)
        offsets = [future.get(DEADLINE_S).offset for future in futures]
        producer.close()
        if offsets != [record[1] for record in records]:
            sys.exit(f"the offsets of {topic} are not those of {path}: {offsets[:50]}")


def read(bootstrap, api_version, folder, count, *topics):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, api_version=api_version, max_partition_fetch_bytes=MAX_PARTITION_BYTES)
    consumer.assign([TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)])
    consumer.seek_to_beginning()
    records = {topic: [] for topic in topics}
    deadline = time.monotonic() + DEADLINE_S
    while any(len(some) < int(count) for some in records.values()):
        if time.monotonic() > deadline:
            sys.exit(f"read in {DEADLINE_S} s: {({topic: len(some) for topic, some in records.items()})}")
        for place, some in consumer.poll(timeout_ms=200, max_records=5000).items():
            records[place.topic] += [(each.partition, each.offset, timestamp(each), each.key, each.value, []) for each in some]
    consumer.close()
    for topic, some in records.items():
        write_records(f"{folder}/{topic}", some)


def timestamp(record):
    """Magic 0 has none."""
    return -1 if record.timestamp is None else record.timestamp


if __name__ == "__main__":
    step, bootstrap, version, *rest = sys.argv[1:]
    {"produce": produce, "read": read}[step](bootstrap, tuple(map(int, version.split("."))), *rest)
