-- A store of schema version 3, as the memkit of that version wrote it.
PRAGMA application_id=1835755892;
PRAGMA user_version=3;
BEGIN TRANSACTION;
CREATE TABLE changes (position INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL, op INTEGER NOT NULL, ns INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, about TEXT);
INSERT INTO "changes" VALUES(1,1,1,1,'019ca945-0a01-7000-9e37-79b97f4a7c15',1795275814577057,NULL);
INSERT INTO "changes" VALUES(2,2,1,1,'019ca945-0a02-7000-bc6e-f372fe94f82a',1795275814577057,NULL);
INSERT INTO "changes" VALUES(3,3,1,1,'019ca945-0a03-7000-9aa6-6d2c7ddf743f',1795275814577057,NULL);
INSERT INTO "changes" VALUES(4,3,4,1,'019ca945-0a03-7000-9aa6-6d2c7ddf743f',1795275814587468,'gone');
CREATE TABLE indexed (
    seq INTEGER PRIMARY KEY,
    signature TEXT,
    length INTEGER NOT NULL,
    terms BLOB NOT NULL,
    vector BLOB
);
INSERT INTO "indexed" VALUES(1,'["s1"]',2,X'4AA4CF27D7C78E9534F2DDAA8B7615C901000100',X'61B82B3E5F21CC3E9331243E5AE221BF58EFE03E84CD5D3ED56785BEDA60903E');
INSERT INTO "indexed" VALUES(2,NULL,2,X'4AA4CF27D7C78E95F5EE556C794A070301000100',X'1774623D6C8A1CBEBC63F7BD56C736BFD8BB063F7450AB3E7CE6C2BDCBB8673E');
CREATE TABLE namespaces (ns INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO "namespaces" VALUES(1,'conformance');
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    ns INTEGER NOT NULL,
    id TEXT NOT NULL,
    project TEXT,
    task TEXT,
    agent TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    tags TEXT,
    visibility TEXT NOT NULL,
    confidence REAL NOT NULL,
    pinned INTEGER NOT NULL,
    embedded INTEGER NOT NULL,
    occurred_at INTEGER,
    expires_at INTEGER,
    conversation_id TEXT,
    sequence INTEGER,
    speaker TEXT,
    source TEXT,
    author TEXT,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    superseded_by TEXT,
    superseded_at INTEGER,
    supersedes TEXT,
    forgotten_at INTEGER,
    uses INTEGER NOT NULL,
    used_at INTEGER,
    useful INTEGER NOT NULL,
    useless INTEGER NOT NULL,
    links TEXT,
    unique_keys TEXT,
    metadata TEXT,
    content TEXT NOT NULL
);
INSERT INTO "records" VALUES(1,1,'019ca945-0a01-7000-9e37-79b97f4a7c15',NULL,NULL,NULL,1772366401000000,1772366401000000,'note','["bees"]','shared',0.5,0,1,NULL,NULL,NULL,NULL,NULL,NULL,'ann','active',1,NULL,NULL,NULL,NULL,0,NULL,0,0,NULL,'["key"]',NULL,'record 1');
INSERT INTO "records" VALUES(2,1,'019ca945-0a02-7000-bc6e-f372fe94f82a',NULL,NULL,NULL,1772366402000000,1772366402000000,'note',NULL,'shared',0.5,0,1,1772366400000000,NULL,NULL,NULL,NULL,NULL,NULL,'active',1,NULL,NULL,NULL,NULL,0,NULL,0,0,NULL,NULL,'{"k":1}','record 2');
CREATE TABLE signatures (ns INTEGER NOT NULL, value INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (ns, value, seq)) WITHOUT ROWID;
INSERT INTO "signatures" VALUES(1,6064584127301525897,1);
CREATE TABLE staged (
    seq INTEGER PRIMARY KEY,
    signature TEXT,
    length INTEGER NOT NULL,
    terms BLOB NOT NULL,
    vector BLOB
);
CREATE TABLE staged_tokens (seq INTEGER PRIMARY KEY, vectors BLOB NOT NULL);
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    analyzer TEXT,
    model TEXT,
    dimension INTEGER,
    normalized INTEGER,
    epoch INTEGER NOT NULL DEFAULT 0,
    touches INTEGER NOT NULL DEFAULT 0,
    target_analyzer TEXT,
    target_model TEXT,
    target_dimension INTEGER,
    target_normalized INTEGER,
    identity TEXT
);
INSERT INTO "store" VALUES(1,'words 1','toy',8,1,2,0,NULL,NULL,NULL,NULL,'d280b1c37442c5ab98454bc0c593ad43');
CREATE TABLE tags (ns INTEGER NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (ns, value, seq)) WITHOUT ROWID;
INSERT INTO "tags" VALUES(1,'bees',1);
CREATE TABLE targets (ns INTEGER NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (ns, value, seq)) WITHOUT ROWID;
CREATE TABLE tokens (seq INTEGER PRIMARY KEY, vectors BLOB NOT NULL);
CREATE TABLE uniques (ns INTEGER NOT NULL, value BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (ns, value)) WITHOUT ROWID;
INSERT INTO "uniques" VALUES(1,X'82AF27C64245BFD15A520134B44E6BB1',1);
CREATE UNIQUE INDEX records_id ON records (ns, id);
CREATE INDEX records_newest ON records (ns, created_at DESC, id);
CREATE INDEX records_conversation ON records (ns, conversation_id, sequence, id) WHERE conversation_id IS NOT NULL;
CREATE INDEX records_superseded ON records (ns, superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX records_unembedded ON records (ns) WHERE embedded = 0;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('records',3);
INSERT INTO "sqlite_sequence" VALUES('changes',4);
COMMIT;
