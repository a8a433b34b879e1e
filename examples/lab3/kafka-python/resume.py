"""Reads a topic in a group and commits each record by itself: stop it, start it again, and it goes on behind the last one.

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
parser.add_argument("--reset", default="earliest", choices=["earliest", "latest"], help="where a group begins that has committed nothing")
parser.add_argument("--max", type=int, default=sys.maxsize, help="stop after so many records")
parser.add_argument("--no-commit", action="store_true", help="forget what was read")
options = parser.parse_args()

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
    batches = consumer.poll(timeout_ms=500, max_records=1)
    if not ready and consumer.assignment():
        positions = {each.partition: consumer.position(each) for each in consumer.assignment()}
        ready = True
        print("ready", flush=True)
    for records in batches.values():
        for record in records:
            print(f"topic={record.topic} partition={record.partition} offset={record.offset} key={record.key.decode()} value={record.value.decode()}", flush=True)
            left -= 1
            if not options.no_commit:
                consumer.commit()  # of what poll has given, and answered by the broker before the next line

consumer.close(autocommit=False)
