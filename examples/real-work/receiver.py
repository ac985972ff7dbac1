"""The warehouse's side of the webhook: checks the signature, and is too busy for the first two attempts of each order.

Usage: receiver.py HOST:PORT SECRET_FILE
"""

import base64
import collections
import hashlib
import hmac
import http.server
import json
import pathlib
import sys
import time

host, port = sys.argv[1].rsplit(":", 1)
secret = base64.b64decode(pathlib.Path(sys.argv[2]).read_text().strip().removeprefix("whsec_"))
deliveries = collections.Counter()


def is_genuine(headers, body):
    """Whether it was signed with the secret, just now: https://www.standardwebhooks.com."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    signatures = [text.removeprefix("v1,") for text in headers["webhook-signature"].split()]
    is_recent = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return is_recent and any(hmac.compare_digest(expected, text) for text in signatures)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            genuine = is_genuine(self.headers, body)
        except (KeyError, AttributeError, TypeError, ValueError):
            genuine = False
        if not genuine:
            return self.answer(401, "the signature is wrong")
        delivery = self.headers["webhook-id"]
        deliveries[delivery] += 1
        if deliveries[delivery] <= 2:
            return self.answer(503, f"{delivery}: too busy")
        args = json.loads(body)["data"]["args"]
        self.answer(200, f"{delivery}: order {args['order']} will be packed")

    def answer(self, code, text):
        print(code, text, flush=True)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())

    def log_message(self, *_):
        pass


with http.server.ThreadingHTTPServer((host, int(port)), Receiver) as server:
    print("listening on {}:{}".format(*server.server_address), flush=True)
    server.serve_forever()
