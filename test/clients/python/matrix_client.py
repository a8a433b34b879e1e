"""What each client of the matrix tries, whichever Python client it is: see ../matrix/program.ts for what is printed.

A client is a class with the methods that are called here, each of them a coroutine, and `missing`: feature -> why it is not in this client.
"""
import asyncio
import json
import sys
import threading
import time
import traceback
from collections import namedtuple

Record = namedtuple("Record", "key value headers timestamp")
Read = namedtuple("Read", "partition offset record")


def as_read(each):
    """What kafka-python and aiokafka give."""
    return Read(each.partition, each.offset, Record(each.key, each.value, list(each.headers), each.timestamp))


CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
DEADLINE_S = 25
FIRST_TIMESTAMP = 1_700_000_000_000
# What the suite finds out by itself.
BY_SUITE = ["read-by-kafkajs", "transactions-by-kafkajs"]


def matrix_record(n):
    value = bytes((7 * at + n) % 256 for at in range(100 + 10 * n))
    headers = [("number", b"%d" % n), ("bytes", bytes([0, 255, n]))]
    return Record(b"key-%d" % n, value, headers, FIRST_TIMESTAMP + 1000 * n)


RECORDS = [matrix_record(n) for n in range(20)]
TRANSFORMED = [Record(each.key, b"of %d bytes" % len(each.value), [], FIRST_TIMESTAMP) for each in RECORDS[:10]]
# Of these the odd ones abort: the last commits, so that its records stand at the end for every reader.
TRANSACTIONS = range(1, 11)


def commits(transaction):
    return transaction % 2 == 0


def transaction_records(transaction, partition):
    """Of a transaction, for a partition of `transactions`."""
    return [Record(b"%d" % transaction, b"%d/%d/%d" % (transaction, partition, n), [], FIRST_TIMESTAMP) for n in (0, 1)]


def same(found, expected, what="found"):
    if found != expected:
        raise AssertionError(f"{what}: {str(found)[:300]} instead of {str(expected)[:300]}")


async def until(what, check):
    """Asks until the answer is true; `check` may be a coroutine function."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        answer = check()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        await asyncio.sleep(0.02)


class Member:
    """
    A member of a group that polls in a thread of its own. A client gives: poll() -> [Read], owned() -> {partition}, commit(), close(),
    group_metadata() -> what a transaction says of it.
    """

    def __init__(self):
        self.read = []
        self.partitions = set()
        self.metadata = None
        self.failure = None
        self.committed = threading.Event()
        self.committing = False
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.stopping:
                self.read += self.poll()
                self.partitions = self.owned()
                self.metadata = self.group_metadata()
                if self.committing:
                    self.committing = False
                    self.commit()
                    self.committed.set()
            self.close()
        except Exception as error:
            self.failure = error

    async def start(self):
        self.thread.start()

    async def commit_read(self):
        self.committed.clear()
        self.committing = True
        await until("a commit", lambda: self.committed.is_set() or self.failure)
        self.check()

    async def stop(self):
        self.stopping = True
        await until("the end of a member", lambda: not self.thread.is_alive())
        self.check()

    def check(self):
        if self.failure:
            raise self.failure

    def group_metadata(self):
        return None


class Matrix:
    def __init__(self, client, prefix, shared):
        self.client = client
        self.prefix = prefix
        self.shared = shared
        self.members = []

    def topic(self, feature):
        return f"{self.prefix}-{feature}"

    async def round_trip(self, topic, records, partition=0, **settings):
        """Sends, and reads back the very same; the offsets that the producer heard are those of the records, unless acks=0 tells none."""
        told = await self.client.send(topic, records, partition, **settings)
        read = await self.client.read(topic, partition, 0, len(records))
        same([each.record for each in read], records)
        same([each.offset for each in read], list(range(len(records))), "offsets")
        if settings.get("acks") != 0:
            same(told, [(each.partition, each.offset) for each in read], "told")

    async def codec(self, name):
        await self.round_trip(self.topic("codecs"), RECORDS, CODECS.index(name), codec=name)

    async def headers(self):
        headers = [("first", b"1"), ("twice", b"a"), ("twice", b"b"), ("empty", b""), ("bytes", bytes(range(256)))]
        await self.round_trip(self.topic("headers"), [Record(b"k", b"v", headers, FIRST_TIMESTAMP), Record(b"k", b"v", [], FIRST_TIMESTAMP)])

    async def timestamps(self):
        times = [FIRST_TIMESTAMP + 5, FIRST_TIMESTAMP, 1, FIRST_TIMESTAMP + 86_400_000]
        await self.round_trip(self.topic("timestamps"), [Record(b"k", b"v", [], time) for time in times])

    async def log_append_time(self):
        topic, before = self.topic("log-append-time"), time.time() * 1000
        await self.client.send(topic, RECORDS, 0)
        read = await self.client.read(topic, 0, 0, len(RECORDS))
        same([each.record._replace(timestamp=0) for each in read], [each._replace(timestamp=0) for each in RECORDS])
        for each in read:
            if not before - 1000 <= each.record.timestamp <= time.time() * 1000 + 1000:
                raise AssertionError(f"timestamp {each.record.timestamp}")

    async def keys(self):
        topic = self.topic("keys")
        records = RECORDS + [each._replace(value=b"again") for each in RECORDS]
        told = await self.client.send(topic, records, None)
        read = [each for partition in range(3) for each in await self.client.read(topic, partition, 0, sum(1 for place in told if place[0] == partition))]
        places = {(each.partition, each.offset): each.record for each in read}
        same([places.get(place) for place in told], records)
        of_keys = {}
        for each in read:
            of_keys.setdefault(each.record.key, set()).add(each.partition)
        same({len(partitions) for partitions in of_keys.values()}, {1}, "partitions of a key")
        if len({place[0] for place in told}) < 2:
            raise AssertionError("all keys are in one partition")

    async def nulls(self):
        records = [Record(b"k", None, [], FIRST_TIMESTAMP), Record(None, b"v", [], FIRST_TIMESTAMP), Record(b"", b"", [], FIRST_TIMESTAMP)]
        await self.round_trip(self.topic("nulls"), records)

    async def large(self):
        value = bytes((at * at + at // 256) % 256 for at in range(900_000))
        await self.round_trip(self.topic("large"), [Record(b"k", value, [], FIRST_TIMESTAMP)])

    async def acks(self, acks):
        await self.round_trip(self.topic(f"acks-{acks}"), RECORDS, acks=acks)

    async def idempotence(self):
        await self.round_trip(self.topic("idempotence"), RECORDS, idempotent=True)

    async def assign(self):
        for partition in (0, 1):
            await self.round_trip(self.topic("assign"), RECORDS, partition)

    async def seek(self):
        read = await self.client.read(self.topic("assign"), 0, 13, 7)
        same([(each.offset, each.record) for each in read], list(enumerate(RECORDS))[13:])

    async def position(self):
        same(await self.client.positions(self.topic("assign"), 0, 5), (5, 20))

    async def beginning_and_end(self):
        same(await self.client.beginning_and_end(self.topic("assign"), 1), (0, 20))

    async def offsets_for_times(self):
        times = {FIRST_TIMESTAMP - 1: 0, FIRST_TIMESTAMP + 4500: 5, FIRST_TIMESTAMP + 19_000: 19, FIRST_TIMESTAMP + 19_001: None}
        same({each: await self.client.offset_for_time(self.topic("assign"), 0, each) for each in times}, times)

    async def group_share(self):
        topic = self.topic("group-share")
        for partition in (0, 1):
            await self.client.send(topic, RECORDS, partition)
        self.members = [self.client.member(self.topic("group"), topic) for _ in range(2)]
        for member in self.members:
            await member.start()

        def settled():
            for member in self.members:
                member.check()
            owned = sorted(sorted(member.partitions) for member in self.members)
            return owned == [[0], [1]] and len(self.read_by_members()) == 40

        await until("two members share two partitions and have read 40 records", settled)
        same(self.read_by_members(), {(p, n): RECORDS[n] for p in (0, 1) for n in range(20)})
        # From now on each reads its own alone.
        for partition in (0, 1):
            await self.client.send(topic, RECORDS[:1], partition)
        await until("the new records", lambda: len(self.read_by_members()) == 42)
        for member in self.members:
            same({each.partition for each in member.read if each.offset == 20}, member.partitions, "new records of a member")

    def read_by_members(self):
        return {(each.partition, each.offset): each.record for member in self.members for each in member.read}

    async def group_commit(self):
        for member in self.members:
            await member.commit_read()
        same(await self.client.committed(self.topic("group"), self.topic("group-share")), {0: 21, 1: 21})

    async def group_resume(self):
        topic = self.topic("group-share")
        await self.stop_members()
        for partition in (0, 1):
            await self.client.send(topic, RECORDS[1:3], partition)
        self.members = [self.client.member(self.topic("group"), topic)]
        await self.members[0].start()
        await until("four new records", lambda: self.members[0].failure or len(self.members[0].read) >= 4)
        same(self.read_by_members(), {(p, 20 + n): RECORDS[n] for p in (0, 1) for n in (1, 2)})
        await self.members[0].commit_read()
        await self.stop_members()

    async def stop_members(self):
        members, self.members = self.members, []
        for member in members:
            await member.stop()

    async def list_groups(self):
        same(self.topic("group") in await self.client.list_groups(), True, "listed")

    async def describe_group(self):
        same((await self.client.group_state(self.topic("group"))).lower(), "empty", "state")

    async def list_group_offsets(self):
        same(await self.client.group_offsets(self.topic("group"), self.topic("group-share")), {0: 23, 1: 23})

    async def delete_group_offsets(self):
        group, topic = self.topic("group"), self.topic("group-share")
        await self.client.delete_group_offset(group, topic, 0)
        same(await self.client.committed(group, topic), {0: None, 1: 23})

    async def delete_group(self):
        await self.client.delete_group(self.topic("group"))
        if hasattr(self.client, "list_groups"):
            same(self.topic("group") in await self.client.list_groups(), False, "listed")

    async def transactions(self):
        topic = self.topic("transactions")
        producer = await self.client.transactional(topic)
        try:
            for number in TRANSACTIONS:
                await producer.begin()
                for partition in (0, 1):
                    await producer.send(topic, partition, transaction_records(number, partition))
                await (producer.commit() if commits(number) else producer.abort())
        finally:
            await producer.close()
        await self.reads_transactions(topic, committed=True)
        await self.reads_transactions(topic, committed=False)

    async def reads_transactions(self, topic, committed):
        """At their offsets: each has two records and its marker in either partition."""
        for partition in (0, 1):
            expected = [
                Read(partition, 3 * (number - 1) + n, record)
                for number in TRANSACTIONS
                if commits(number) or not committed
                for n, record in enumerate(transaction_records(number, partition))
            ]
            same(await self.client.read(topic, partition, 0, len(expected), committed=committed), expected)

    async def transaction_offsets(self):
        topic, group, transformed = self.topic("transaction-offsets"), self.topic("transforming"), self.topic("transformed")
        await self.client.send(topic, RECORDS, 0)
        producer = await self.client.transactional(group)
        self.members = [self.client.member(group, topic)]
        await self.members[0].start()
        try:
            await until("20 records", lambda: self.members[0].failure or len(self.members[0].read) == 20)
            await producer.begin()
            await producer.send(transformed, 0, TRANSFORMED)
            await producer.offset(self.members[0], group, topic, 7)
            await producer.abort()

            await producer.begin()
            await producer.send(transformed, 0, TRANSFORMED)
            await producer.offset(self.members[0], group, topic, 10)
            # Of the first nothing is left, of the second there is nothing yet.
            same(await self.client.group_offsets(group, topic), {})
            await producer.commit()

            async def committed():
                return await self.client.group_offsets(group, topic) == {0: 10}

            await until("the offset is committed", committed)
        finally:
            await producer.close()
            await self.stop_members()
        first = 11  # ten records and the marker of the first
        read = await self.client.read(transformed, 0, 0, 10, committed=True)
        same(read, [Read(0, first + n, record) for n, record in enumerate(TRANSFORMED)])

    async def transaction_fencing(self):
        topic = self.topic("transaction-fencing")
        older = await self.client.transactional(topic)
        await older.begin()
        await older.send(topic, 0, [Record(b"k", b"of the older", [], FIRST_TIMESTAMP)])
        newer = await self.client.transactional(topic)
        await newer.begin()
        await newer.send(topic, 0, [Record(b"k", b"of the newer", [], FIRST_TIMESTAMP)])
        await newer.commit()
        try:
            await older.commit()
            raise AssertionError("the older has committed")
        except self.client.Fenced as error:
            if not self.client.is_fenced(error):
                raise
        finally:
            await newer.close()
            await older.close()
        # Its own record, and the marker that aborts it, come before the other's.
        read = await self.client.read(topic, 0, 0, 1, committed=True)
        same(read, [Read(0, 2, Record(b"k", b"of the newer", [], FIRST_TIMESTAMP))])

    async def committed_of_kafkajs(self):
        await self.reads_transactions(f"{self.shared}-transactions", committed=True)

    async def uncommitted_of_kafkajs(self):
        await self.reads_transactions(f"{self.shared}-transactions", committed=False)

    async def create_topic(self):
        await self.client.create_topic(self.topic("created"), 3, {"retention.ms": "12345"})
        await self.has_partitions(3)

    async def has_partitions(self, count):
        async def grown():
            try:
                found = await self.client.describe_topic(self.topic("created"))
            except Exception:
                return False  # not yet: a broker may hear of the topic after it was created
            return set(found) == set(range(count)) and all([leader] == replicas == isr for leader, replicas, isr in found.values())

        await until(f"{count} partitions, each with a leader", grown)

    async def list_topics(self):
        same(self.topic("created") in await self.client.list_topics(), True, "listed")

    async def describe_topic(self):
        await self.has_partitions(3)

    async def create_partitions(self):
        await self.client.create_partitions(self.topic("created"), 5)
        await self.has_partitions(5)

    async def has_retention(self, value):
        async def is_so():
            return await self.client.config(self.topic("created"), "retention.ms") == value

        await until(f"retention.ms is {value}", is_so)

    async def describe_configs(self):
        await self.has_retention("12345")

    async def alter_configs(self):
        await self.client.set_config(self.topic("created"), "retention.ms", "54321")
        await self.has_retention("54321")

    async def delete_topic(self):
        await self.client.delete_topic(self.topic("created"))

        async def gone():
            return self.topic("created") not in await self.client.list_topics()

        await until("the topic is gone", gone)

    async def delete_records(self):
        topic = self.topic("delete-records")
        await self.client.send(topic, RECORDS, 0)
        await self.client.delete_records(topic, 0, 7)
        same(await self.client.beginning_and_end(topic, 0), (7, 20))
        same([each.record for each in await self.client.read(topic, 0, 7, 13)], RECORDS[7:])

    async def describe_cluster(self):
        cluster_id, addresses, controller = await self.client.cluster()
        if not cluster_id or not isinstance(cluster_id, str):
            raise AssertionError(f"cluster id {cluster_id}")
        same(len(addresses), 1, "brokers")
        same(controller in addresses, True, "the controller is one of the brokers")

    async def reads(self, codec):
        read = await self.client.read(self.shared, CODECS.index(codec), 0, len(RECORDS))
        same([each.record for each in read], RECORDS)

    async def run(self, features):
        for feature in features:
            result = {"ok": True}
            if feature in self.client.missing:
                result = {"ok": None, "detail": self.client.missing[feature]}
            else:
                try:
                    await self.attempt(feature)
                except Exception as error:
                    result = {"ok": False, "detail": f"{type(error).__name__}: {error}\n{''.join(traceback.format_tb(error.__traceback__)[-2:])}"}
            if feature in self.client.notes:
                result["note"] = self.client.notes[feature]
            print(json.dumps({"feature": feature, **result}), flush=True)
        await self.stop_members()

    def attempt(self, feature):
        family, _, rest = feature.partition("-")
        if family == "acks":
            return self.acks(rest if rest == "all" else int(rest))
        if family in ("codec", "reads"):
            return getattr(self, family)(rest)
        return getattr(self, feature.replace("-", "_"))()


def run(client_class, name, version, **more):
    bootstrap, prefix, shared, features = sys.argv[1:]
    print(json.dumps({"client": name, "version": version, **more}), flush=True)

    async def main():
        client = client_class(bootstrap)
        try:
            await client.start()
            await Matrix(client, prefix, shared).run([each for each in features.split(",") if each not in BY_SUITE])
        finally:
            await client.close()

    asyncio.run(main())


class Client:
    """Where a client differs from what most can."""

    missing = {}
    notes = {}

    @staticmethod
    def is_fenced(error):
        return True

    async def start(self):
        pass

    async def close(self):
        pass
