"""One step of kafka-python against a broker: python client.py STEP '{"bootstrap": .., "topic": .., ..}'

Prints what the client saw as one line of JSON. Works with kafka-python 2.0.2 and 3.x, which is why it asks for the version in places.
"""
import json
import sys
import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

OLD = kafka.__version__.startswith("2.0.")
DEADLINE_S = 30


def error_name(call):
    try:
        call()
        return None
    except KafkaError as error:
        return type(error).__name__


def admin_client(options):
    return KafkaAdminClient(bootstrap_servers=options["bootstrap"])


def create(options):
    """Creates topics with two partitions, adds a partition to the first, deletes the second."""
    admin = admin_client(options)
    topic, doomed = options["topic"], options["topic"] + "-doomed"
    new = [NewTopic(topic, 2, 1, topic_configs={"retention.ms": "12345"}), NewTopic(doomed, 1, 1)]
    admin.create_topics(new)
    again = error_name(lambda: admin.create_topics(new[:1]))
    admin.create_partitions({topic: NewPartitions(3)})
    admin.delete_topics([doomed])
    seen = wait_until(lambda: partitions_of(admin, topic), lambda count: count == 3)
    listed = wait_until(admin.list_topics, lambda names: topic in names and doomed not in names)
    print_json(again=again, partitions=seen, listed=topic in listed, doomed=doomed in listed, retention=topic_config(admin, topic, "retention.ms"))
    admin.close()


def partitions_of(admin, topic):
    return len(admin.describe_topics([topic])[0]["partitions"])


def topic_config(admin, topic, key):
    answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {key: None} if OLD else [key])])
    if OLD:
        return next(entry[1] for entry in answer[0].resources[0][4] if entry[0] == key)
    return answer["topic"][topic][key]["value"]


def produce(options):
    """Sends the records; answers [partition, offset, timestamp] of each. acks=0 knows no offset."""
    settings = {"acks": options["acks"], "compression_type": options["compression"], "linger_ms": 5}
    if not OLD and options["acks"] != "all":
        settings["enable_idempotence"] = False
    producer = KafkaProducer(bootstrap_servers=options["bootstrap"], **settings)
    futures = [
        producer.send(
            options["topic"],
            key=record["key"].encode(),
            value=None if record["value"] is None else record["value"].encode(),
            headers=[(name, text.encode()) for name, text in record["headers"].items()],
            partition=record["partition"],
            timestamp_ms=record["timestamp"],
        )
        for record in options["records"]
    ]
    producer.flush(DEADLINE_S)
    sent = [future.get(DEADLINE_S) for future in futures]
    print_json(sent=[[each.partition, each.offset, each.timestamp] for each in sent])
    producer.close()


def read(options):
    """Reads all partitions from their beginning to their end, without a group."""
    consumer = KafkaConsumer(bootstrap_servers=options["bootstrap"])
    partitions = all_partitions(consumer, options["topic"])
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    # An acks=0 producer does not know when its records are there.
    ends = wait_until(lambda: consumer.end_offsets(partitions), lambda now: sum(now.values()) >= options.get("expected", 0))
    records = poll_until(consumer, lambda _: all(consumer.position(each) >= ends[each] for each in partitions))
    print_json(records=[as_json(record) for record in records])
    consumer.close()


def group(options):
    """Reads `count` records in a group, commits them, leaves."""
    consumer = KafkaConsumer(
        options["topic"],
        bootstrap_servers=options["bootstrap"],
        group_id=options["group"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=1,
    )
    records = poll_until(consumer, lambda records: len(records) >= options["count"])
    consumer.commit()
    committed = {each.partition: consumer.committed(each) for each in sorted(consumer.assignment())}
    print_json(records=[as_json(record) for record in records], committed=committed)
    consumer.close(autocommit=False)


def committed(options):
    """What the group has committed, asked for without joining it."""
    consumer = KafkaConsumer(bootstrap_servers=options["bootstrap"], group_id=options["group"], enable_auto_commit=False)
    offsets = {each.partition: consumer.committed(each) for each in all_partitions(consumer, options["topic"])}
    print_json(committed=offsets)
    consumer.close()


def commit(options):
    """Commits an offset with metadata for partition 0, outside of any generation."""
    consumer = KafkaConsumer(bootstrap_servers=options["bootstrap"], group_id=options["group"], enable_auto_commit=False)
    zero = TopicPartition(options["topic"], 0)
    consumer.assign([zero])
    offset = OffsetAndMetadata(options["offset"], "noted") if OLD else OffsetAndMetadata(options["offset"], "noted", -1)
    consumer.commit({zero: offset})
    answer = consumer.committed(zero, metadata=True)
    print_json(offset=answer.offset, metadata=answer.metadata)
    consumer.close(autocommit=False)


def groups(options):
    """What the admin client sees of a group that has committed, before and after it deletes it."""
    admin = admin_client(options)
    group = options["group"]

    def listed():
        if OLD:
            return [name for name, _ in admin.list_consumer_groups()]
        return [each["group_id"] for each in admin.list_groups()]

    if OLD:
        described = admin.describe_consumer_groups([group])[0]
        state, members = described.state, len(described.members)
        found = admin.list_consumer_group_offsets(group)
    else:
        described = admin.describe_groups([group])[group]
        state, members = described["group_state"], len(described["members"])
        found = admin.list_group_offsets(group)[group]
    committed = [[each.topic, each.partition, meta.offset, meta.metadata] for each, meta in found.items()]
    before = group in listed()
    deletion = admin.delete_consumer_groups([group]) if OLD else admin.delete_groups([group])
    print_json(listed=before, state=state, members=members, committed=committed, deletion=str(deletion), after=group in listed())
    admin.close()


def offsets(options):
    """Beginning, end, by time, and one record after a seek, all of partition 0."""
    consumer = KafkaConsumer(bootstrap_servers=options["bootstrap"])
    zero = TopicPartition(options["topic"], 0)
    consumer.assign([zero])
    beginning, end = consumer.beginning_offsets([zero])[zero], consumer.end_offsets([zero])[zero]
    by_time = [consumer.offsets_for_times({zero: timestamp})[zero] for timestamp in options["times"]]
    consumer.seek(zero, options["seek"])
    sought = poll_until(consumer, lambda records: len(records) > 0)[0]
    consumer.seek_to_end(zero)
    print_json(
        beginning=beginning,
        end=end,
        byTime=[each and [each.offset, each.timestamp] for each in by_time],
        sought=as_json(sought),
        positionAtEnd=consumer.position(zero),
    )
    consumer.close()


def all_partitions(consumer, topic):
    numbers = wait_until(lambda: consumer.partitions_for_topic(topic), bool)
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def poll_until(consumer, done):
    records = []
    deadline = time.monotonic() + DEADLINE_S
    while not done(records):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(records)} records in {DEADLINE_S} s")
        for some in consumer.poll(timeout_ms=200).values():
            records.extend(some)
    return records


def wait_until(ask, good):
    """Asks again and again: Apache Kafka answers an admin request before all of it is visible."""
    deadline = time.monotonic() + DEADLINE_S
    answer = ask()
    while not good(answer):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer!r} after {DEADLINE_S} s")
        time.sleep(0.05)
        answer = ask()
    return answer


def as_json(record):
    return {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": record.key.decode(),
        "value": None if record.value is None else record.value.decode(),
        "headers": {name: text.decode() for name, text in record.headers},
    }


def print_json(**answer):
    print(json.dumps(answer))


STEPS = {step.__name__: step for step in (create, produce, read, group, committed, commit, groups, offsets)}

if __name__ == "__main__":
    STEPS[sys.argv[1]](json.loads(sys.argv[2]))
