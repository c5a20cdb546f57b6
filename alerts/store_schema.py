"""The tables of the receiver's store, and how an older file becomes one of today."""

import sqlite3
from typing import Final

VERSION: Final = 3
_SCHEMA: Final = """
CREATE TABLE outages (
  id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, record BLOB NOT NULL, starts_at REAL NOT NULL,
  ends_at REAL, phase TEXT NOT NULL CHECK (phase IN ('open', 'ending', 'closed')), closed_at REAL
) STRICT;
CREATE INDEX outages_unclosed ON outages (fingerprint) WHERE phase <> 'closed';
CREATE TABLE deliveries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, outage_id TEXT NOT NULL REFERENCES outages (id) ON DELETE CASCADE,
  status TEXT NOT NULL CHECK (status IN ('firing', 'resolved')), step INTEGER NOT NULL,
  channel TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'failed', 'superseded')),
  attempts INTEGER NOT NULL DEFAULT 0, created_at REAL NOT NULL, done_at REAL, error TEXT,
  UNIQUE (outage_id, status, step, channel)
) STRICT;
CREATE INDEX deliveries_pending ON deliveries (channel, seq) WHERE state = 'pending';
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_HANDLING: Final = """
CREATE TABLE handling (
  outage_id TEXT PRIMARY KEY REFERENCES outages (id) ON DELETE CASCADE,
  state TEXT NOT NULL CHECK (state IN
    ('new', 'ready', 'office', 'digest', 'listed', 'damped', 'joined', 'told', 'done')),
  since REAL NOT NULL, parent TEXT, step INTEGER NOT NULL DEFAULT 0,
  acked_at REAL, acked_by TEXT, silenced_until REAL, silence_id TEXT
) STRICT;
CREATE INDEX handling_live ON handling (state) WHERE state <> 'done';
CREATE INDEX handling_parent ON handling (parent) WHERE parent IS NOT NULL;
CREATE TABLE penalties (
  key TEXT PRIMARY KEY, value REAL NOT NULL, at REAL NOT NULL, times INTEGER NOT NULL, outage_id TEXT
) STRICT;
"""
_WITNESSES: Final = """
CREATE TABLE witnesses (
  outage_id TEXT NOT NULL REFERENCES outages (id) ON DELETE CASCADE, alert_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL, source TEXT NOT NULL, record BLOB NOT NULL,
  phase TEXT NOT NULL CHECK (phase IN ('stands', 'doubted', 'silent', 'ended')),
  spoken INTEGER NOT NULL, since REAL NOT NULL, ends_at REAL,
  PRIMARY KEY (outage_id, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX witnesses_alert ON witnesses (alert_id);
CREATE INDEX witnesses_fingerprint ON witnesses (fingerprint);
CREATE INDEX witnesses_standing ON witnesses (source) WHERE phase <> 'ended';
"""
_FROM_2: Final = """
INSERT INTO witnesses SELECT id, id, fingerprint, coalesce(json_extract(record, '$.source'), ''), record,
  CASE phase WHEN 'ending' THEN 'doubted' ELSE 'stands' END, 1, starts_at, ends_at
  FROM outages WHERE phase <> 'closed' AND fingerprint <> '';
"""
_FROM_1: Final = """
INSERT INTO handling (outage_id, state, since)
  SELECT id, 'told', CAST(unixepoch() AS REAL) FROM outages WHERE phase <> 'closed';
"""


def prepare(connection: sqlite3.Connection) -> int | None:
    """Make the tables that are missing; return the version of a file that is none of ours, else None."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    later = _WITNESSES + _FROM_2
    changes = {0: _SCHEMA + _HANDLING + _WITNESSES, 1: _HANDLING + _FROM_1 + later, 2: later}
    if found in changes:
        connection.executescript(f"BEGIN;{changes[found]}PRAGMA user_version = {VERSION};COMMIT")
    return None if found in {*changes, VERSION} else found
