"""Commits each record by itself: stop it, start it again, and it goes on behind the last one.

python resume.py --group lab3 --reset earliest --max 3
"""
import argparse
import os
import signal
import sys
import threading

from kafka import KafkaConsumer

parser = argparse.ArgumentParser()
parser.add_argument("--bootstrap", default=os.environ.get("BOOTSTRAP", "localhost:9092"))
parser.add_argument("--topic", default="test")
parser.add_argument("--group", default="lab3")
parser.add_argument("--reset", default="earliest", choices=["earliest", "latest"], help="where a group starts that has committed nothing")
parser.add_argument("--max", type=int, default=sys.maxsize, help="stop after so many records")
parser.add_argument("--no-commit", action="store_true", help="forget what was read")
options = parser.parse_args()

# Ctrl-C and SIGTERM end the loop, so that close() can leave the group.
stop = threading.Event()
for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, lambda *_: stop.set())

consumer = KafkaConsumer(
    options.topic,
    bootstrap_servers=options.bootstrap.split(","),
    group_id=options.group,
    auto_offset_reset=options.reset,
    enable_auto_commit=False,
    session_timeout_ms=6000,
    heartbeat_interval_ms=500,
)

left = options.max
ready = False
while not stop.is_set() and left > 0:
    records = [record for batch in consumer.poll(timeout_ms=500, max_records=1).values() for record in batch]
    if not ready and consumer.assignment():
        for partition in consumer.assignment():
            consumer.position(partition)  # asks the broker, unless it is known
        print("ready", flush=True)  # from here on no record is missed, also by a group that starts at the end
        ready = True
    for record in records:
        key, value = record.key.decode(), record.value.decode()
        print(f"topic={record.topic} partition={record.partition} offset={record.offset} key={key} value={value}", flush=True)
        if not options.no_commit:
            consumer.commit()  # of all that poll has returned; ends when the broker has it
        left -= 1

consumer.close(autocommit=False)
