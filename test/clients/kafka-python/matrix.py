"""The matrix with kafka-python 3 and 2.0.2: python matrix.py BOOTSTRAP PREFIX SHARED FEATURES"""
import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from matrix_client import DEADLINE_S, Client, Member, as_read, run, same


class KafkaPythonMember(Member):
    def __init__(self, bootstrap, group, topic):
        super().__init__()
        self.consumer = KafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=6000,
            heartbeat_interval_ms=200,
        )

    def poll(self):
        batches = self.consumer.poll(timeout_ms=500)
        # 3.0.12 leaves a join that outlives poll's timeout under way and may never look at it again: see ../groups/kafka-python.py.
        coordinator = self.consumer._coordinator
        if getattr(coordinator, "_join_task", None) is not None:
            coordinator.request_rejoin()
        return [as_read(each) for records in batches.values() for each in records]

    def owned(self):
        return {each.partition for each in self.consumer.assignment()}

    def group_metadata(self):
        return self.consumer.group_metadata() if hasattr(self.consumer, "group_metadata") else None  # not in 2.0.2

    def commit(self):
        self.consumer.commit()

    def close(self):
        self.consumer.close(autocommit=False)


class TransactionalProducer:
    def __init__(self, bootstrap, transactional_id):
        self.producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=transactional_id, linger_ms=5)
        self.producer.init_transactions()

    async def begin(self):
        self.producer.begin_transaction()

    async def send(self, topic, partition, records):
        futures = sent(self.producer, topic, records, partition)
        self.producer.flush(DEADLINE_S)
        for future in futures:
            future.get(DEADLINE_S)

    async def offset(self, member, group, topic, offset):
        place = {TopicPartition(topic, 0): OffsetAndMetadata(offset, "", -1)}
        self.producer.send_offsets_to_transaction(place, member.metadata)

    async def commit(self):
        self.producer.commit_transaction()

    async def abort(self):
        self.producer.abort_transaction()

    async def close(self):
        self.producer.close(timeout=1)


def sent(producer, topic, records, partition):
    return [
        producer.send(topic, key=key, value=value, headers=headers, partition=partition, timestamp_ms=timestamp)
        for key, value, headers, timestamp in records
    ]


class KafkaPython(Client):
    Fenced = KafkaError

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap.split(",")
        self.admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        self.consumer = self.reader()
        self.committed_reader = None

    def reader(self, **more):
        return KafkaConsumer(bootstrap_servers=self.bootstrap, max_partition_fetch_bytes=2_000_000, **more)

    async def close(self):
        for consumer in (self.consumer, self.committed_reader):
            if consumer is not None:
                consumer.close()
        self.admin.close()

    async def transactional(self, transactional_id):
        return TransactionalProducer(self.bootstrap, transactional_id)

    @staticmethod
    def is_fenced(error):
        return isinstance(error, (kafka.errors.ProducerFencedError, kafka.errors.InvalidProducerEpochError))

    async def send(self, topic, records, partition, codec="none", acks="all", idempotent=False):
        codec = None if codec == "none" else codec
        more = self.producer_settings(idempotent)
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, acks=acks, compression_type=codec, linger_ms=5, **more)
        futures = sent(producer, topic, records, partition)
        producer.flush(DEADLINE_S)
        told = [future.get(DEADLINE_S) for future in futures]
        producer.close()
        return [(each.partition, each.offset) for each in told]

    def producer_settings(self, idempotent):
        return {"enable_idempotence": idempotent}

    def at(self, topic, partition, offset, consumer=None):
        place = TopicPartition(topic, partition)
        (consumer or self.consumer).assign([place])
        (consumer or self.consumer).seek(place, offset)
        return place

    async def read(self, topic, partition, offset, count, committed=False):
        if committed and self.committed_reader is None:
            self.committed_reader = self.reader(isolation_level="read_committed")
        consumer = self.committed_reader if committed else self.consumer
        self.at(topic, partition, offset, consumer)
        return self.poll(count, consumer)

    def poll(self, count, consumer=None):
        read = []
        for _ in range(DEADLINE_S):
            if len(read) >= count:
                break
            read += [as_read(each) for records in (consumer or self.consumer).poll(timeout_ms=1000).values() for each in records]
        return read

    async def positions(self, topic, partition, offset):
        """After a seek, and after the rest is read."""
        place = self.at(topic, partition, offset)
        sought = self.consumer.position(place)
        self.poll(20 - offset)
        return sought, self.consumer.position(place)

    async def beginning_and_end(self, topic, partition):
        place = TopicPartition(topic, partition)
        return self.consumer.beginning_offsets([place])[place], self.consumer.end_offsets([place])[place]

    async def offset_for_time(self, topic, partition, time):
        place = TopicPartition(topic, partition)
        found = self.consumer.offsets_for_times({place: time})[place]
        return None if found is None else found.offset

    def member(self, group, topic):
        return KafkaPythonMember(self.bootstrap, group, topic)

    async def committed(self, group, topic):
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False)
        found = {number: consumer.committed(TopicPartition(topic, number)) for number in (0, 1)}
        consumer.close(autocommit=False)
        return found

    async def list_groups(self):
        return [each["group_id"] for each in self.admin.list_groups()]

    async def group_state(self, group):
        return self.admin.describe_groups([group])[group]["group_state"]

    async def group_offsets(self, group, topic):
        found = self.admin.list_group_offsets(group)[group]
        return {place.partition: meta.offset for place, meta in found.items() if place.topic == topic}

    async def delete_group_offset(self, group, topic, partition):
        place = TopicPartition(topic, partition)
        same(self.admin.delete_group_offsets(group, [place])[place].errno, 0, "error")

    async def delete_group(self, group):
        self.admin.delete_groups([group])

    async def create_topic(self, topic, partitions, configs):
        self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])

    async def list_topics(self):
        return self.admin.list_topics()

    async def describe_topic(self, topic):
        partitions = self.admin.describe_topics([topic])[0]["partitions"]
        return {each["partition_index"]: (each["leader_id"], each["replica_nodes"], each["isr_nodes"]) for each in partitions}

    async def create_partitions(self, topic, count):
        self.admin.create_partitions({topic: count})

    async def config(self, topic, key):
        return self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, [key])])["topic"][topic][key]["value"]

    async def set_config(self, topic, key, value):
        self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {key: value})])

    async def delete_topic(self, topic):
        self.admin.delete_topics([topic])

    async def delete_records(self, topic, partition, before):
        self.admin.delete_records({TopicPartition(topic, partition): before})

    async def cluster(self):
        found = self.admin.describe_cluster()
        brokers = {each["broker_id"]: (each["host"], each["port"]) for each in found["brokers"]}
        return found["cluster_id"], list(brokers.values()), brokers.get(found["controller_id"])


class OldKafkaPython(KafkaPython):
    """2.0.2: what tutorials, and programs of many years, still install."""

    missing = {
        feature: "not in kafka-python 2.0.2"
        for feature in (
            *("idempotence", "delete-group-offsets", "delete-records"),
            *("transactions", "transaction-offsets", "transaction-fencing", "committed-of-kafkajs"),
        )
    }
    missing["uncommitted-of-kafkajs"] = "kafka-python 2.0.2 takes the markers of transactions for records"

    def producer_settings(self, idempotent):
        return {}

    async def list_groups(self):
        return [name for name, _ in self.admin.list_consumer_groups()]

    async def group_state(self, group):
        return self.admin.describe_consumer_groups([group])[0].state

    async def group_offsets(self, group, topic):
        found = self.admin.list_consumer_group_offsets(group)
        return {place.partition: meta.offset for place, meta in found.items() if place.topic == topic}

    async def delete_group(self, group):
        same([error.errno for _, error in self.admin.delete_consumer_groups([group])], [0], "errors")

    async def describe_topic(self, topic):
        partitions = self.admin.describe_topics([topic])[0]["partitions"]
        return {each["partition"]: (each["leader"], each["replicas"], each["isr"]) for each in partitions}

    async def create_partitions(self, topic, count):
        self.admin.create_partitions({topic: NewPartitions(count)})

    async def config(self, topic, key):
        (answer,) = self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {key: None})])
        ((error, _, _, _, entries),) = answer.resources
        same(error, 0, "error")
        return {name: value for name, value, *_ in entries}[key]

    async def cluster(self):
        found = self.admin.describe_cluster()
        brokers = {each["node_id"]: (each["host"], each["port"]) for each in found["brokers"]}
        return found["cluster_id"], list(brokers.values()), brokers.get(found["controller_id"])


run(OldKafkaPython if kafka.__version__ == "2.0.2" else KafkaPython, "kafka-python", kafka.__version__)
