"""Records with confluent-kafka (librdkafka), from and to files.

produce BOOTSTRAP FILE TOPIC:SETTING=VALUE,.. ..   sends the file's records to each topic; each must get the offset that the file has for it
read BOOTSTRAP FOLDER COUNT TOPIC ..               reads COUNT records of each topic, by assignment, into FOLDER/TOPIC
group BOOTSTRAP FOLDER COUNT GROUP TOPIC ..        the same in a group, which commits
"""
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from record_file import read_records, topic_and_settings, write_records

DEADLINE_S = 60


def produce(bootstrap, path, *topics):
    records = read_records(path)
    for topic, settings in map(topic_and_settings, topics):
        producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": len(records), **settings})
        wrong = []

        def delivered(expected):
            def check(error, message):
                if error is not None or message.offset() != expected:
                    wrong.append(f"{topic}: {error}, offset {message.offset()} instead of {expected}")

            return check

        for partition, offset, timestamp, key, value, headers in records:
            producer.produce(topic, value, key, partition, on_delivery=delivered(offset), timestamp=timestamp, headers=headers)
        left = producer.flush(DEADLINE_S)
        if left or wrong:
            sys.exit(f"{left} records of {topic} are not delivered, {len(wrong)} are wrong: {wrong[:5]}")


def read(bootstrap, folder, count, *topics):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False})
    known = consumer.list_topics(timeout=DEADLINE_S).topics
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for topic in topics for number in known[topic].partitions])
    poll_all(consumer, folder, int(count), topics)
    consumer.close()


def group(bootstrap, folder, count, name, *topics):
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": name, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe(list(topics))
    poll_all(consumer, folder, int(count), topics)
    consumer.commit(asynchronous=False)
    consumer.close()


def poll_all(consumer, folder, count, topics):
    records = {topic: [] for topic in topics}
    deadline = time.monotonic() + DEADLINE_S
    while any(len(some) < count for some in records.values()):
        if time.monotonic() > deadline:
            sys.exit(f"read in {DEADLINE_S} s: {({topic: len(some) for topic, some in records.items()})}")
        for message in consumer.consume(1000, 0.2):
            if message.error():
                raise KafkaException(message.error())
            record = (message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(), message.headers() or [])
            records[message.topic()].append(record)
    for topic, some in records.items():
        write_records(f"{folder}/{topic}", some)


{"produce": produce, "read": read, "group": group}[sys.argv[1]](*sys.argv[2:])
