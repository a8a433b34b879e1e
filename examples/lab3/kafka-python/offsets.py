"""Reads one partition from where you say, without sharing it with anybody, and shows what the broker knows of offsets.

python offsets.py --partition 0 --seek 3 --max 2 --commit
"""
import argparse
import os

from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

parser = argparse.ArgumentParser()
parser.add_argument("--bootstrap", default=os.environ.get("BOOTSTRAP", "localhost:9092"))
parser.add_argument("--topic", default="test")
parser.add_argument("--partition", type=int, default=0)
parser.add_argument("--group", default="lab3-offsets")
parser.add_argument("--seek", default="beginning", help="beginning, end, committed, or an offset")
parser.add_argument("--time", type=int, help="also show the first offsets at or after this time, in ms since 1970")
parser.add_argument("--max", type=int, default=5, help="stop after so many records")
parser.add_argument("--commit", action="store_true", help="commit where it stopped")
options = parser.parse_args()


def commit_at(offset):
    """Newer versions of the client know leader epochs."""
    fields = {"offset": offset, "metadata": "lab3", "leader_epoch": -1}
    return OffsetAndMetadata(*(fields[name] for name in OffsetAndMetadata._fields))


consumer = KafkaConsumer(bootstrap_servers=options.bootstrap.split(","), group_id=options.group, enable_auto_commit=False, consumer_timeout_ms=5000)
everywhere = [TopicPartition(options.topic, partition) for partition in sorted(consumer.partitions_for_topic(options.topic))]


def show(what, offsets):
    print(what, *(f"{each.partition}:{offsets[each]}" for each in everywhere), flush=True)


show("beginning_offsets", consumer.beginning_offsets(everywhere))
show("end_offsets", consumer.end_offsets(everywhere))
if options.time is not None:
    found = consumer.offsets_for_times({each: options.time for each in everywhere})
    show("offsets_for_times", {each: at.offset if at else None for each, at in found.items()})

here = TopicPartition(options.topic, options.partition)
consumer.assign([here])  # no group shares it out: this consumer alone decides what it reads
if options.seek == "beginning":
    consumer.seek_to_beginning(here)
elif options.seek == "end":
    consumer.seek_to_end(here)
elif options.seek != "committed":  # that is where it is without a seek
    consumer.seek(here, int(options.seek))

print("position", consumer.position(here), flush=True)
left = options.max
while left > 0:
    records = consumer.poll(timeout_ms=2000, max_records=left).get(here, [])
    if not records:
        break
    for record in records:
        print(f"topic={record.topic} partition={record.partition} offset={record.offset} key={record.key.decode()} value={record.value.decode()}", flush=True)
        left -= 1
position = consumer.position(here)
print("position", position, flush=True)
if options.commit:
    consumer.commit({here: commit_at(position)})
print("committed", consumer.committed(here), flush=True)
consumer.close()
