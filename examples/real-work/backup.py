"""Backs up an SQLite database that may be in use, checks the copy, and keeps the newest few.

The args come as JSON on standard input: {"database": "shop.db", "keep": 7}.
"""

import contextlib
import datetime
import gzip
import json
import os
import pathlib
import shutil
import sqlite3
import sys

TRY_AGAIN = 75

args = json.load(sys.stdin)
source = pathlib.Path(args["database"])
if not source.is_file():
    sys.exit(f"{source}: no such file")

folder = pathlib.Path("backups")
folder.mkdir(exist_ok=True)
# A second attempt replaces what the first one left behind.
copy = folder / f"{source.stem}-{os.environ['ACTION_SCHEDULER_ID']}.part"
copy.unlink(missing_ok=True)

try:
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        live.backup(target)
        verdict = target.execute("PRAGMA integrity_check").fetchone()[0]
        count = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
        tables = target.execute(count).fetchone()[0]
except sqlite3.OperationalError as error:
    print(error)
    sys.exit(TRY_AGAIN)
if verdict != "ok":
    sys.exit(f"the copy is damaged: {verdict}")

now = datetime.datetime.now(datetime.timezone.utc)
backup = folder / f"{source.stem}-{now:%Y%m%dT%H%M%S.%fZ}.db.gz"
with open(copy, "rb") as plain, gzip.open(backup, "wb") as packed:
    shutil.copyfileobj(plain, packed)
copy.unlink()
for old in sorted(folder.glob(f"{source.stem}-*.db.gz"))[: -args["keep"]]:
    old.unlink()
    print(f"deleted {old.name}")
print(f"{backup.name}: {tables} tables, {backup.stat().st_size} bytes")
