"""Reads one partition from wherever you say, shares it with nobody, and shows what the broker knows of offsets.

python offsets.py --partition 1 --seek 3 --max 2 --commit
"""
import argparse
import datetime
import os

from kafka import KafkaConsumer, TopicPartition


def milliseconds(time):
    return round(datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1000)


parser = argparse.ArgumentParser()
parser.add_argument("--bootstrap", default=os.environ.get("BOOTSTRAP", "localhost:9092"))
parser.add_argument("--topic", default="test")
parser.add_argument("--partition", type=int, default=0)
parser.add_argument("--group", default="lab3-offsets", help="whose committed offset")
parser.add_argument("--seek", default="beginning", help="beginning, end, committed, or an offset")
parser.add_argument("--time", type=milliseconds, help="show the first offsets at or after it: 2026-01-01T12:00:00.000Z")
parser.add_argument("--max", type=int, default=5, help="stop after so many records")
parser.add_argument("--commit", action="store_true", help="commit where it stopped")
options = parser.parse_args()

consumer = KafkaConsumer(
    bootstrap_servers=options.bootstrap.split(","),
    group_id=options.group,
    enable_auto_commit=False,
    auto_offset_reset="earliest",  # where a group starts that has committed nothing
)
everywhere = [TopicPartition(options.topic, each) for each in sorted(consumer.partitions_for_topic(options.topic))]


def show(what, offset_of):
    print(what, *(f"{each.partition}:{offset_of(each)}" for each in everywhere), flush=True)


beginnings = consumer.beginning_offsets(everywhere)
ends = consumer.end_offsets(everywhere)
show("beginning_offsets", lambda each: beginnings[each])
show("end_offsets", lambda each: ends[each])
if options.time is not None:
    found = consumer.offsets_for_times({each: options.time for each in everywhere})
    show("offsets_for_times", lambda each: found[each].offset if found[each] else "none")

here = TopicPartition(options.topic, options.partition)
consumer.assign([here])  # not subscribe: no group shares this out, the consumer takes what it wants
if options.seek == "beginning":
    consumer.seek_to_beginning(here)
elif options.seek == "end":
    consumer.seek_to_end(here)
elif options.seek != "committed":  # a consumer that seeks nothing starts from the committed offset
    consumer.seek(here, int(options.seek))

print(f"position {consumer.position(here)}", flush=True)
left = min(options.max, ends[here] - consumer.position(here))
while left > 0:
    for record in consumer.poll(timeout_ms=500, max_records=left).get(here, []):
        key, value = record.key.decode(), record.value.decode()
        print(f"topic={record.topic} partition={record.partition} offset={record.offset} key={key} value={value}", flush=True)
        left -= 1
print(f"position {consumer.position(here)}", flush=True)

if options.commit:
    consumer.commit()  # the position: the offset of the record to read next
committed = consumer.committed(here)
print(f"committed {'none' if committed is None else committed}", flush=True)
consumer.close()
