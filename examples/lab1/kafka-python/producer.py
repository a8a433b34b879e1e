"""Sends a key and a value with the time, again and again.

python producer.py --count 10 --delay 1000
"""
import argparse
import datetime
import os
import time

from kafka import KafkaProducer

parser = argparse.ArgumentParser()
parser.add_argument("--bootstrap", default=os.environ.get("BOOTSTRAP", "localhost:9092"))
parser.add_argument("--topic", default="test")
parser.add_argument("--count", type=int, default=10)
parser.add_argument("--delay", type=int, default=1000, help="milliseconds")
options = parser.parse_args()

producer = KafkaProducer(bootstrap_servers=options.bootstrap.split(","))

for n in range(options.count):
    now_ms = time.time_ns() // 1_000_000
    now = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.timezone.utc)
    sent = producer.send(
        options.topic,
        key=f"key-{n}".encode(),
        value=f"value-{n} {now.isoformat(timespec='milliseconds')}".encode(),
        timestamp_ms=now_ms,
    ).get(timeout=30)
    print(f"sent key-{n} to partition {sent.partition} at offset {sent.offset}", flush=True)
    time.sleep(options.delay / 1000)

producer.close()
