"""The matrix with confluent-kafka (librdkafka): python matrix.py BOOTSTRAP PREFIX SHARED FEATURES"""
import time

import confluent_kafka
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec

from matrix_client import DEADLINE_S, Client, Member, Read, Record, run


def as_read(message):
    if message.error():
        raise KafkaException(message.error())
    record = Record(message.key(), message.value(), message.headers() or [], message.timestamp()[1])
    return Read(message.partition(), message.offset(), record)


def result(futures):
    """Of a call of the admin client that was about one thing."""
    (future,) = futures.values()
    return future.result(DEADLINE_S)


class ConfluentMember(Member):
    def __init__(self, bootstrap, group, topic):
        super().__init__()
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 200,
                "fetch.wait.max.ms": 100,
            }
        )
        self.consumer.subscribe([topic])

    def poll(self):
        return [as_read(each) for each in self.consumer.consume(num_messages=100, timeout=0.1)]

    def owned(self):
        return {each.partition for each in self.consumer.assignment()}

    def group_metadata(self):
        return self.consumer.consumer_group_metadata()

    def commit(self):
        self.consumer.commit(asynchronous=False)

    def close(self):
        self.consumer.close()


class TransactionalProducer:
    def __init__(self, bootstrap, transactional_id):
        self.producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": transactional_id, "linger.ms": 5})
        self.producer.init_transactions(DEADLINE_S)

    async def begin(self):
        self.producer.begin_transaction()

    async def send(self, topic, partition, records):
        for told in produced(self.producer, topic, records, partition):
            if not isinstance(told, tuple):
                raise KafkaException(told)

    async def offset(self, member, group, topic, offset):
        self.producer.send_offsets_to_transaction([TopicPartition(topic, 0, offset)], member.metadata, DEADLINE_S)

    async def commit(self):
        self.producer.commit_transaction(DEADLINE_S)

    async def abort(self):
        self.producer.abort_transaction(DEADLINE_S)

    async def close(self):
        pass


def produced(producer, topic, records, partition):
    """For each record its partition and offset, or what went wrong."""
    told = {}

    def delivered(n):
        def tell(error, message):
            told[n] = error or (message.partition(), message.offset())

        return tell

    place = {} if partition is None else {"partition": partition}
    for n, (key, value, headers, timestamp) in enumerate(records):
        producer.produce(topic, value, key, headers=headers, timestamp=timestamp, on_delivery=delivered(n), **place)
    producer.flush(DEADLINE_S)
    return [told.get(n) for n in range(len(records))]


class ConfluentKafka(Client):
    Fenced = KafkaException
    missing = {
        "delete-group-offsets": "confluent-kafka has no call for it",
    }

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        # The default of librdkafka is read_committed.
        self.consumer = self.new_consumer("unused", "read_uncommitted")
        self.committed_reader = self.new_consumer("unused")

    def new_consumer(self, group, isolation="read_committed"):
        settings = {"enable.auto.commit": False, "fetch.wait.max.ms": 100, "isolation.level": isolation}
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, **settings})

    async def close(self):
        self.consumer.close()
        self.committed_reader.close()

    async def transactional(self, transactional_id):
        return TransactionalProducer(self.bootstrap, transactional_id)

    @staticmethod
    def is_fenced(error):
        return error.args[0].code() == KafkaError._FENCED

    async def send(self, topic, records, partition, codec="none", acks="all", idempotent=False):
        settings = {"acks": acks, "compression.type": codec, "enable.idempotence": idempotent, "linger.ms": 5}
        producer = Producer({"bootstrap.servers": self.bootstrap, **settings})
        return produced(producer, topic, records, partition)

    def at(self, topic, partition, offset, consumer=None):
        (consumer or self.consumer).assign([TopicPartition(topic, partition, offset)])

    async def read(self, topic, partition, offset, count, committed=False):
        consumer = self.committed_reader if committed else self.consumer
        self.at(topic, partition, offset, consumer)
        return self.poll(count, consumer)

    def poll(self, count, consumer=None):
        read, deadline = [], time.monotonic() + DEADLINE_S
        while len(read) < count and time.monotonic() < deadline:
            read += [as_read(each) for each in (consumer or self.consumer).consume(num_messages=count, timeout=0.1)]
        return read

    async def positions(self, topic, partition, offset):
        """After the first record behind a seek, whose position it only knows then, and after the rest is read."""
        place = TopicPartition(topic, partition)
        self.at(topic, partition, 0)
        self.poll(1)
        self.consumer.seek(TopicPartition(topic, partition, offset - 1))
        (message,) = self.consumer.consume(num_messages=1, timeout=DEADLINE_S)
        (sought,) = self.consumer.position([place])
        self.poll(20 - message.offset() - 1)
        return sought.offset, self.consumer.position([place])[0].offset

    async def beginning_and_end(self, topic, partition):
        return self.consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=DEADLINE_S)

    async def offset_for_time(self, topic, partition, time):
        place = TopicPartition(topic, partition)
        found = result(self.admin.list_offsets({place: OffsetSpec.for_timestamp(time)})).offset
        (by_consumer,) = self.consumer.offsets_for_times([TopicPartition(topic, partition, time)], timeout=DEADLINE_S)
        if by_consumer.offset != found:
            raise AssertionError(f"the consumer finds {by_consumer}, the admin client {found}")
        return None if found < 0 else found

    def member(self, group, topic):
        return ConfluentMember(self.bootstrap, group, topic)

    async def committed(self, group, topic):
        consumer = self.new_consumer(group)
        found = consumer.committed([TopicPartition(topic, number) for number in (0, 1)], timeout=DEADLINE_S)
        consumer.close()
        return {each.partition: None if each.offset < 0 else each.offset for each in found}

    async def list_groups(self):
        return [each.group_id for each in self.admin.list_consumer_groups().result(DEADLINE_S).valid]

    async def group_state(self, group):
        return result(self.admin.describe_consumer_groups([group])).state.name

    async def group_offsets(self, group, topic):
        found = result(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))
        return {each.partition: each.offset for each in found.topic_partitions if each.topic == topic}

    async def delete_group(self, group):
        result(self.admin.delete_consumer_groups([group]))

    async def create_topic(self, topic, partitions, configs):
        result(self.admin.create_topics([NewTopic(topic, partitions, 1, config=configs)]))

    async def list_topics(self):
        return self.admin.list_topics(timeout=DEADLINE_S).topics

    async def describe_topic(self, topic):
        found = result(self.admin.describe_topics(confluent_kafka.TopicCollection([topic])))
        return {each.id: (each.leader.id, [node.id for node in each.replicas], [node.id for node in each.isr]) for each in found.partitions}

    async def create_partitions(self, topic, count):
        result(self.admin.create_partitions([NewPartitions(topic, count)]))

    async def config(self, topic, key):
        return result(self.admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]))[key].value

    async def set_config(self, topic, key, value):
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        result(self.admin.incremental_alter_configs([ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])]))

    async def delete_topic(self, topic):
        result(self.admin.delete_topics([topic]))

    async def delete_records(self, topic, partition, before):
        result(self.admin.delete_records([TopicPartition(topic, partition, before)]))

    async def cluster(self):
        found = self.admin.describe_cluster().result(DEADLINE_S)
        addresses = {each.id: (each.host, each.port) for each in found.nodes}
        return found.cluster_id, list(addresses.values()), addresses.get(found.controller.id)


run(ConfluentKafka, "confluent-kafka", confluent_kafka.version(), note=f"librdkafka {confluent_kafka.libversion()[0]}")
