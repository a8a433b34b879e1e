"""What the members of a group have in common, whichever Python client they run: options, signals, and what they print."""
import json
import signal
import sys
import threading
import time

options = json.loads(sys.argv[1])
printing = threading.Lock()


class Member:
    """Runs in a thread of its own. A client gives: poll() -> {(topic, partition): [offset]}, pause(), resume(), close()."""

    def __init__(self, index):
        self.index = index
        self.stop = threading.Event()
        self.toggle = threading.Event()

    def report(self, event, **fields):
        line = json.dumps({"event": event, "member": self.index, "at": time.time() * 1000, **fields})
        with printing:
            print(line, flush=True)

    def run(self):
        paused = False
        try:
            while not self.stop.is_set():
                for (topic, partition), offsets in self.poll().items():
                    self.report("records", partition=f"{topic}/{partition}", offsets=offsets)
                if self.toggle.is_set():
                    self.toggle.clear()
                    paused = not paused
                    if paused:
                        self.pause()
                    else:
                        self.resume()
                    self.report("paused" if paused else "resumed")
                if paused:
                    self.report("idle")
            self.close()
            self.report("left", owned=[])
        except Exception as error:
            self.report("crashed", error=repr(error))
            raise


def names(partitions):
    return sorted(f"{each.topic}/{each.partition}" for each in partitions)


def run(member_class):
    members = [member_class(index) for index in range(options["members"])]

    def stop(*_):
        for member in members:
            member.stop.set()

    def toggle(*_):
        for member in members:
            member.toggle.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR2, toggle)
    threads = [threading.Thread(target=member.run) for member in members]
    for thread in threads:
        thread.start()
    # Signals are handled between two steps of the main thread: a join without end would have none.
    for thread in threads:
        while thread.is_alive():
            thread.join(0.1)
