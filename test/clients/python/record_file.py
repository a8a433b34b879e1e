"""Files of records, as record-file.ts describes them; a record is (partition, offset, timestamp, key, value, [(name, value), ..])."""
import struct


def read_records(path):
    data = open(path, "rb").read()
    at = 0

    def number(kind):
        nonlocal at
        at += struct.calcsize(kind)
        return struct.unpack_from(kind, data, at - struct.calcsize(kind))[0]

    def field():
        nonlocal at
        length = number(">i")
        if length < 0:
            return None
        at += length
        return data[at - length : at]

    records = []
    while at < len(data):
        place = (number(">i"), number(">q"), number(">q"))
        key, value = field(), field()
        headers = [(field().decode(), field()) for _ in range(number(">i"))]
        records.append((*place, key, value, headers))
    return records


def write_records(path, records):
    def field(data):
        return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data

    with open(path, "wb") as out:
        for partition, offset, timestamp, key, value, headers in records:
            out.write(struct.pack(">iqq", partition, offset, timestamp) + field(key) + field(value) + struct.pack(">i", len(headers)))
            for name, content in headers:
                out.write(field(name.encode()) + field(content))


def topic_and_settings(argument):
    """("t", {"acks": "all"}) of t:acks=all"""
    topic, _, settings = argument.partition(":")
    return topic, dict(each.split("=") for each in settings.split(",") if each)
