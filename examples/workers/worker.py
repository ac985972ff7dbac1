#!/usr/bin/env python3
"""A remote worker: asks the server for work, does it, and says how it came out. Standard library only.

    ACTION_SCHEDULER_URL=http://127.0.0.1:7420 ACTION_SCHEDULER_TOKEN=… python3 worker.py
"""

import json
import os
import signal
import threading
import urllib.error
import urllib.request

API = os.environ.get("ACTION_SCHEDULER_URL", "http://127.0.0.1:7420") + "/api/v1"
TOKEN = os.environ.get("ACTION_SCHEDULER_TOKEN", "")


def count_words(args, log):
    text = args[0]
    log(f"{len(text.split())} words")


def divide(args, log):
    if args[1] == 0:
        raise ValueError("cannot divide by zero")  # not worth another attempt
    log(str(args[0] / args[1]))


HOOKS = {"count_words": count_words, "divide": divide}
stop = threading.Event()


def call(method, path, body=None):
    """Asks the server, and waits for it as long as it is away."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    data = None if body is None else json.dumps(body).encode()
    while True:
        request = urllib.request.Request(API + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503):
                raise RuntimeError(f"{method} {path}: {error.read().decode()}") from error
        except OSError:
            pass  # it is being started again
        if stop.wait(1):
            raise SystemExit("the server is away")


class Worker:
    def __init__(self, name):
        self.name, self.running = name, []
        self.register()
        threading.Thread(target=self.beat, daemon=True).start()

    def register(self):
        known = call("POST", "/workers", {"name": self.name})
        self.path, self.lease = f"/workers/{known['id']}", known["lease"]

    def beat(self):
        """While a function works, the server hears that this worker lives."""
        while not stop.wait(self.lease / 4):
            try:
                call("POST", f"{self.path}/heartbeat", {"running": list(self.running)})
            except RuntimeError as error:
                print("heartbeat:", error)

    def run(self):
        try:
            self.serve()
        finally:
            call("DELETE", self.path)

    def stop(self, *_):
        stop.set()
        if not self.running:
            raise SystemExit  # it only waits for work

    def serve(self):
        while not stop.is_set():
            try:
                asked = {"hooks": list(HOOKS), "wait": 20}
                work = call("POST", f"{self.path}/claim", asked)["work"]
            except RuntimeError as error:
                if "unknown-worker" not in str(error):
                    raise
                self.register()  # it was silent for longer than its lease
                continue
            for item in work:
                self.do(item)

    def do(self, item):
        ticket = {key: item[key] for key in ("action", "claim", "attempt")}
        self.running.append(ticket)

        def log(text):
            call("POST", f"{self.path}/log", {"entries": [{**ticket, "text": text}]})

        try:
            HOOKS[item["hook"]](item["args"], log)
            result = {"result": "complete"}
        except ValueError as error:
            result = {"result": "failed", "reason": str(error), "retry": "never"}
        except Exception as error:
            result = {"result": "failed", "reason": f"{type(error).__name__}: {error}"}
        answer = call("POST", f"{self.path}/results", {"results": [{**ticket, **result}]})
        self.running.remove(ticket)
        print(f"action {item['action']}: {answer['results'][0]['outcome']}", flush=True)


if __name__ == "__main__":
    worker = Worker(f"python-{os.getpid()}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, worker.stop)
    worker.run()
