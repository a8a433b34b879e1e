"""Members of a group with kafka-python. See MemberOptions in ../group-members.ts."""
from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor

from member import Member, names, options, run

ASSIGNORS = {"range": RangePartitionAssignor, "cooperative-sticky": CooperativeStickyAssignor}


class KafkaPythonMember(Member, ConsumerRebalanceListener):
    def __init__(self, index):
        super().__init__(index)
        instance_id = options.get("instanceId")
        self.consumer = KafkaConsumer(
            bootstrap_servers=options["bootstrap"],
            group_id=options["group"],
            group_instance_id=None if instance_id is None else f"{instance_id}-{index}",
            partition_assignment_strategy=[ASSIGNORS[options["assignor"]]],
            auto_offset_reset="earliest",
            auto_commit_interval_ms=500,
            session_timeout_ms=options["sessionTimeoutMs"],
            heartbeat_interval_ms=options["heartbeatMs"],
            metadata_max_age_ms=options["metadataMaxAgeMs"],
            max_poll_interval_ms=30000,
        )
        if options.get("pattern") is None:
            self.consumer.subscribe(options["topics"], listener=self)
        else:
            self.consumer.subscribe(pattern=options["pattern"], listener=self)

    def on_partitions_assigned(self, assigned):
        self.report("assigned", owned=names(self.consumer.assignment()), generation=self.consumer.group_metadata().generation_id)

    def on_partitions_revoked(self, revoked):
        self.report("revoked", owned=names(self.consumer.assignment() - set(revoked)))

    def poll(self):
        batches = self.consumer.poll(timeout_ms=1000 if self.consumer.paused() == set() else 100)
        # kafka-python 3.0.12 leaves a join that outlives poll's timeout under way, and, where it began because metadata had changed, never looks
        # at it again: no SyncGroup is taken up, no heartbeat is sent. With Apache Kafka likewise. Asking for a rejoin takes the same join up.
        coordinator = self.consumer._coordinator
        if coordinator._join_task is not None:
            coordinator.request_rejoin()
        return {(each.topic, each.partition): [record.offset for record in records] for each, records in batches.items()}

    def pause(self):
        self.consumer.pause(*self.consumer.assignment())

    def resume(self):
        self.consumer.resume(*self.consumer.assignment())

    def close(self):
        self.consumer.close()


run(KafkaPythonMember)
