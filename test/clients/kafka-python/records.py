"""Records with kafka-python 3, from and to files.

produce BOOTSTRAP FILE TOPIC:SETTING=VALUE,.. ..   sends the file's records to each topic; each must get the offset that the file has for it
read BOOTSTRAP FOLDER COUNT TOPIC ..               reads COUNT records of each topic, by assignment, into FOLDER/TOPIC
group BOOTSTRAP FOLDER COUNT GROUP TOPIC ..        the same in a group, which commits
"""
import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from record_file import read_records, topic_and_settings, write_records

DEADLINE_S = 60


def produce(bootstrap, path, *topics):
    records = read_records(path)
    for topic, settings in map(topic_and_settings, topics):
        idempotent = settings.get("enable.idempotence", "true") == "true"
        codec = None if settings["compression.type"] == "none" else settings["compression.type"]
        producer = KafkaProducer(
            bootstrap_servers=bootstrap, linger_ms=5, acks="all", compression_type=codec, enable_idempotence=idempotent
        )
        futures = [
            producer.send(topic, key=key, value=value, headers=headers, partition=partition, timestamp_ms=timestamp)
            for partition, _, timestamp, key, value, headers in records
        ]
        producer.flush(DEADLINE_S)
        offsets = [future.get(DEADLINE_S).offset for future in futures]
        producer.close()
        if offsets != [record[1] for record in records]:
            sys.exit(f"the offsets of {topic} are not those of {path}: {offsets[:50]}")


def read(bootstrap, folder, count, *topics):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    consumer.assign([TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)])
    consumer.seek_to_beginning()
    poll_all(consumer, folder, int(count), topics)
    consumer.close()


def group(bootstrap, folder, count, name, *topics):
    consumer = KafkaConsumer(*topics, bootstrap_servers=bootstrap, group_id=name, auto_offset_reset="earliest", enable_auto_commit=False)
    poll_all(consumer, folder, int(count), topics)
    consumer.commit()
    consumer.close(autocommit=False)


def poll_all(consumer, folder, count, topics):
    records = {topic: [] for topic in topics}
    deadline = time.monotonic() + DEADLINE_S
    while any(len(some) < count for some in records.values()):
        if time.monotonic() > deadline:
            sys.exit(f"read in {DEADLINE_S} s: {({topic: len(some) for topic, some in records.items()})}")
        for place, some in consumer.poll(timeout_ms=200, max_records=5000).items():
            records[place.topic] += [(each.partition, each.offset, each.timestamp, each.key, each.value, each.headers) for each in some]
    for topic, some in records.items():
        write_records(f"{folder}/{topic}", some)


{"produce": produce, "read": read, "group": group}[sys.argv[1]](*sys.argv[2:])
