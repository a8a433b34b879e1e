"""Reads partitions from an offset each to their end as it is now, with CRC checks, and prints `topic p offset n` of each record that load.py or its like sent.

dump.py BOOTSTRAP OUT TOPIC/PARTITION/OFFSET ..
"""
import sys
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

DEADLINE_S = 60


def number(value):
    digits, _, padding = value.partition(b" ")
    if len(padding) != int(digits) * 7919 % 2000:
        raise ValueError(f"{len(padding)} bytes of padding behind {digits}")
    return digits.decode()


def main(bootstrap, path, *starts):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False, "check.crcs": True})
    places = [TopicPartition(topic, int(partition), int(offset)) for topic, partition, offset in (each.split("/") for each in starts)]
    open_ends = {}
    for place in places:
        low, end = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), timeout=DEADLINE_S)
        if low != 0 or end < place.offset:
            sys.exit(f"{place.topic}-{place.partition} has {low} to {end}, {place.offset} was read before")
        if end > place.offset:
            open_ends[place.topic, place.partition] = end
    deadline = time.monotonic() + DEADLINE_S
    consumer.assign(places)
    with open(path, "w") as out:
        while open_ends:
            if time.monotonic() > deadline:
                sys.exit(f"not read in {DEADLINE_S} s: {open_ends}")
            for message in consumer.consume(2000, 0.2):
                if message.error():
                    raise KafkaException(message.error())
                out.write(f"{message.topic()} {message.partition()} {message.offset()} {number(message.value())}\n")
                place = message.topic(), message.partition()
                if message.offset() + 1 >= open_ends.get(place, float("inf")):
                    del open_ends[place]
    consumer.close()


main(*sys.argv[1:])
