"""Prints each record of a topic; consumers of the same group share its partitions.

python consumer.py --group readers --max 10
"""
import argparse
import os
import signal
import sys
import threading

from kafka import ConsumerRebalanceListener, KafkaConsumer

parser = argparse.ArgumentParser()
parser.add_argument("--bootstrap", default=os.environ.get("BOOTSTRAP", "localhost:9092"))
parser.add_argument("--topic", default="test")
parser.add_argument("--group", default="lab1")
parser.add_argument("--max", type=int, default=sys.maxsize, help="stop after so many records")
options = parser.parse_args()


class PrintAssignment(ConsumerRebalanceListener):
    def on_partitions_assigned(self, assigned):
        print(f"assigned: {sorted(each.partition for each in assigned)}", flush=True)

    def on_partitions_revoked(self, revoked):
        pass


# Ctrl-C and SIGTERM end the loop, so that close() can leave the group.
stop = threading.Event()
for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, lambda *_: stop.set())

consumer = KafkaConsumer(
    bootstrap_servers=options.bootstrap.split(","),
    group_id=options.group,
    auto_offset_reset="earliest",
    session_timeout_ms=6000,  # a member that dies without a word is missed after so long
    heartbeat_interval_ms=500,  # and this is how soon the others hear of a change
)
consumer.subscribe([options.topic], listener=PrintAssignment())

left = options.max
while not stop.is_set() and left > 0:
    for records in consumer.poll(timeout_ms=500, max_records=left).values():
        for record in records:
            key, value = record.key.decode(), record.value.decode()
            print(f"topic={record.topic} partition={record.partition} offset={record.offset} key={key} value={value}", flush=True)
            left -= 1

consumer.close()  # commits what was read and leaves the group
