"""The matrix with aiokafka: python matrix.py BOOTSTRAP PREFIX SHARED FEATURES"""
import asyncio

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import ProducerFenced

from matrix_client import DEADLINE_S, Client, as_read, run, same, until


class AioMember:
    """A member of a group that polls in a task of its own."""

    def __init__(self, bootstrap, group, topic):
        self.read = []
        self.failure = None
        self.stopping = False
        self.consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=6000,
            heartbeat_interval_ms=200,
            fetch_max_wait_ms=100,
        )

    @property
    def partitions(self):
        return {each.partition for each in self.consumer.assignment()}

    async def start(self):
        self.starting = asyncio.create_task(self.run())

    async def run(self):
        try:
            await self.consumer.start()
            while not self.stopping:
                for records in (await self.consumer.getmany(timeout_ms=100)).values():
                    self.read += [as_read(each) for each in records]
        except Exception as error:
            self.failure = error
        finally:
            await self.consumer.stop()

    def check(self):
        if self.failure:
            raise self.failure

    async def commit_read(self):
        await self.consumer.commit()

    async def stop(self):
        self.stopping = True
        await asyncio.wait_for(self.starting, DEADLINE_S)
        self.check()


class AioTransactionalProducer:
    def __init__(self, bootstrap, transactional_id):
        self.producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=transactional_id, linger_ms=5)

    async def begin(self):
        await self.producer.begin_transaction()

    async def send(self, topic, partition, records):
        await asyncio.wait_for(asyncio.gather(*await sent(self.producer, topic, records, partition)), DEADLINE_S)

    async def offset(self, member, group, topic, offset):
        await self.producer.send_offsets_to_transaction({TopicPartition(topic, 0): offset}, group)

    async def commit(self):
        await self.producer.commit_transaction()

    async def abort(self):
        await self.producer.abort_transaction()

    async def close(self):
        await self.producer.stop()


async def sent(producer, topic, records, partition):
    return [
        await producer.send(topic, key=key, value=value, headers=headers, partition=partition, timestamp_ms=timestamp)
        for key, value, headers, timestamp in records
    ]


class AioKafka(Client):
    Fenced = ProducerFenced
    missing = {
        "delete-group-offsets": "aiokafka has no call for it",
        "delete-group": "aiokafka has no call for it",
    }

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self.consumer = self.reader()
        self.committed_reader = self.reader(isolation_level="read_committed")

    def reader(self, **more):
        return AIOKafkaConsumer(bootstrap_servers=self.bootstrap, fetch_max_wait_ms=100, max_partition_fetch_bytes=2_000_000, **more)

    async def start(self):
        await self.admin.start()
        await self.consumer.start()
        await self.committed_reader.start()

    async def close(self):
        await self.committed_reader.stop()
        await self.consumer.stop()
        await self.admin.close()

    async def transactional(self, transactional_id):
        producer = AioTransactionalProducer(self.bootstrap, transactional_id)
        await producer.producer.start()
        return producer

    async def send(self, topic, records, partition, codec="none", acks="all", idempotent=False):
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks=acks,
            compression_type=None if codec == "none" else codec,
            enable_idempotence=idempotent,
            linger_ms=5,
        )
        await producer.start()
        try:
            told = await asyncio.wait_for(asyncio.gather(*await sent(producer, topic, records, partition)), DEADLINE_S)
        finally:
            await producer.stop()
        return [each and (each.partition, each.offset) for each in told]

    def at(self, topic, partition, offset, consumer=None):
        place = TopicPartition(topic, partition)
        (consumer or self.consumer).assign([place])
        (consumer or self.consumer).seek(place, offset)
        return place

    async def read(self, topic, partition, offset, count, committed=False):
        consumer = self.committed_reader if committed else self.consumer
        self.at(topic, partition, offset, consumer)
        return await self.poll(count, consumer)

    async def poll(self, count, consumer=None):
        read = []

        async def enough():
            for records in (await (consumer or self.consumer).getmany(timeout_ms=100)).values():
                read.extend(as_read(each) for each in records)
            return len(read) >= count

        await until(f"{count} records", enough)
        return read

    async def positions(self, topic, partition, offset):
        """After a seek, and after the rest is read."""
        place = self.at(topic, partition, offset)
        sought = await self.consumer.position(place)
        await self.poll(20 - offset)
        return sought, await self.consumer.position(place)

    async def beginning_and_end(self, topic, partition):
        place = TopicPartition(topic, partition)
        return (await self.consumer.beginning_offsets([place]))[place], (await self.consumer.end_offsets([place]))[place]

    async def offset_for_time(self, topic, partition, time):
        place = TopicPartition(topic, partition)
        found = (await self.consumer.offsets_for_times({place: time}))[place]
        return None if found is None else found.offset

    def member(self, group, topic):
        return AioMember(self.bootstrap, group, topic)

    async def committed(self, group, topic):
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, number) for number in (0, 1)])
            return {number: await consumer.committed(TopicPartition(topic, number)) for number in (0, 1)}
        finally:
            await consumer.stop()

    async def list_groups(self):
        return [name for name, *_ in await self.admin.list_consumer_groups()]

    async def group_state(self, group):
        (answer,) = await self.admin.describe_consumer_groups([group])
        ((error, _, state, *_),) = answer.groups
        same(error, 0, "error")
        return state

    async def group_offsets(self, group, topic):
        found = await self.admin.list_consumer_group_offsets(group)
        return {place.partition: meta.offset for place, meta in found.items() if place.topic == topic}

    async def create_topic(self, topic, partitions, configs):
        answer = await self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
        same([error for _, error, *_ in answer.topic_errors], [0], "errors")

    async def list_topics(self):
        return await self.admin.list_topics()

    async def describe_topic(self, topic):
        (found,) = await self.admin.describe_topics([topic])
        return {each["partition"]: (each["leader"], each["replicas"], each["isr"]) for each in found["partitions"]}

    async def create_partitions(self, topic, count):
        answer = await self.admin.create_partitions({topic: NewPartitions(count)})
        same([error for _, error, *_ in answer.topic_errors], [0], "errors")

    async def config(self, topic, key):
        (answer,) = await self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {key: None})])
        ((error, _, _, _, entries),) = answer.resources
        same(error, 0, "error")
        return {name: value for name, value, *_ in entries}[key]

    async def set_config(self, topic, key, value):
        (answer,) = await self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {key: value})])
        same([error for error, *_ in answer.resources], [0], "errors")

    async def delete_topic(self, topic):
        answer = await self.admin.delete_topics([topic])
        same([error for _, error, *_ in answer.topic_error_codes], [0], "errors")

    async def delete_records(self, topic, partition, before):
        await self.admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before)})

    async def cluster(self):
        found = await self.admin.describe_cluster()
        brokers = {each["node_id"]: (each["host"], each["port"]) for each in found["brokers"]}
        return found["cluster_id"], list(brokers.values()), brokers.get(found["controller_id"])


run(AioKafka, "aiokafka", aiokafka.__version__)
