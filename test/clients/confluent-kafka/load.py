"""An idempotent producer (confluent-kafka, librdkafka) for each partition, which sends until SIGTERM whatever becomes of the broker.

load.py BOOTSTRAP TOPIC ACKS CODEC ..

Partition p gets the values `0 ..`, `1 ..`, `2 ..` with the p-th codec. Each acknowledgement is a line `p n offset` in the file ACKS.
"""
import random
import signal
import sys
import time

from confluent_kafka import Producer

PER_SECOND = 600
WAITING = 500
FLUSH_S = 60
PADDING = random.Random(1).randbytes(2000).hex()


def value(n):
    return f"{n} {PADDING[: n * 7919 % 2000]}"


def main(bootstrap, topic, path, *codecs):
    acks = open(path, "w", buffering=1)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    failed = []

    def settings(codec):
        known = {"bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": True, "linger.ms": 5}
        return {**known, "queue.buffering.max.messages": WAITING, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500}

    def delivered(partition, n):
        def note(error, message):
            if error is None:
                acks.write(f"{partition} {n} {message.offset()}\n")
            else:
                failed.append(f"{partition} {n}: {error}")

        return note

    producers = [Producer(settings(codec)) for codec in codecs]
    n = 0
    while not stopped and not failed:
        for partition, producer in enumerate(producers):
            while True:
                try:
                    producer.produce(topic, value(n), partition=partition, on_delivery=delivered(partition, n))
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        n += 1
        time.sleep(1 / PER_SECOND)
    left = sum(producer.flush(FLUSH_S) for producer in producers)
    if left or failed:
        sys.exit(f"{left} records are not delivered; failed: {failed[:5]}")


main(*sys.argv[1:])
