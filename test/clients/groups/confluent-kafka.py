"""Members of a group with confluent-kafka, that is librdkafka. See MemberOptions in ../group-members.ts."""
import struct

from confluent_kafka import Consumer, KafkaError, KafkaException

from member import Member, names, options, run

METADATA_MAGIC = b"CGMDv2:"  # of librdkafka's serialised group metadata, and then the generation


class ConfluentMember(Member):
    def __init__(self, index):
        super().__init__(index)
        self.owned = set()
        config = {
            "bootstrap.servers": options["bootstrap"],
            "group.id": options["group"],
            "partition.assignment.strategy": options["assignor"],
            "auto.offset.reset": "earliest",
            "auto.commit.interval.ms": 500,
            "session.timeout.ms": options["sessionTimeoutMs"],
            "heartbeat.interval.ms": options["heartbeatMs"],
            "topic.metadata.refresh.interval.ms": options["metadataMaxAgeMs"],
            "max.poll.interval.ms": 30000,
            "fetch.wait.max.ms": 100,
        }
        if options.get("instanceId") is not None:
            config["group.instance.id"] = f"{options['instanceId']}-{index}"
        self.consumer = Consumer(config)
        pattern = options.get("pattern")
        self.consumer.subscribe(
            options["topics"] if pattern is None else [pattern],
            on_assign=self.on_assign,
            on_revoke=self.on_revoke,
        )

    def generation(self):
        metadata = self.consumer.consumer_group_metadata()
        assert metadata.startswith(METADATA_MAGIC)
        return struct.unpack_from("<i", metadata, len(METADATA_MAGIC))[0]

    def on_assign(self, consumer, assigned):
        # Cooperative members are told of what is new, eager ones of all, and have had all revoked before.
        self.owned |= set(names(assigned))
        self.report("assigned", owned=sorted(self.owned), generation=self.generation())

    def on_revoke(self, consumer, revoked):
        self.owned -= set(names(revoked))
        self.report("revoked", owned=sorted(self.owned))

    def poll(self):
        batches = {}
        for message in self.consumer.consume(num_messages=500, timeout=0.1):
            if message.error() is None:
                batches.setdefault((message.topic(), message.partition()), []).append(message.offset())
            elif message.error().code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise KafkaException(message.error())
        return batches

    def pause(self):
        self.consumer.pause(self.consumer.assignment())

    def resume(self):
        self.consumer.resume(self.consumer.assignment())

    def close(self):
        self.consumer.close()


run(ConfluentMember)
