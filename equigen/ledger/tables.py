"""Define the ledger's tables, and the migrations from each earlier format to the next."""

# Tells a ledger from any other SQLite file: "EqG3".
APPLICATION_ID = 0x45714733
VERSION = 8
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pages (
    query TEXT NOT NULL, page INTEGER NOT NULL, year INTEGER NOT NULL,
    items INTEGER NOT NULL, pages INTEGER NOT NULL,
    listings TEXT,              -- JSON, NULL once all are used
    others INTEGER NOT NULL, rows_left INTEGER NOT NULL,
    asked_at TEXT NOT NULL,
    asks INTEGER NOT NULL DEFAULT 1,        -- how often it was asked for
    ids TEXT NOT NULL DEFAULT '[]',         -- JSON: the albums on it, also once they are used
    PRIMARY KEY (query, page)
) WITHOUT ROWID;
CREATE TABLE crawl (
    task TEXT PRIMARY KEY,      -- that was asked for, as its source names it
    listings TEXT NOT NULL,     -- JSON: its albums that may still be taken
    leads TEXT NOT NULL,        -- JSON: the tasks that it leads to, with their albums' genres
    asked_at TEXT NOT NULL,     -- UTC in ISO 8601
    used INTEGER NOT NULL       -- 1 once it had its turn
) WITHOUT ROWID;
CREATE TABLE albums (
    seq INTEGER PRIMARY KEY, album_id TEXT NOT NULL, artist TEXT NOT NULL, title TEXT NOT NULL,
    picture TEXT NOT NULL, genre TEXT NOT NULL, album_index INTEGER NOT NULL,
    cells TEXT                  -- JSON, NULL once the row is in the TSV
);
CREATE TABLE additions (
    seq INTEGER PRIMARY KEY, album_id TEXT NOT NULL,    -- of a row in the TSV
    listing TEXT NOT NULL       -- JSON: the album in another source, not yet added to the row
);
CREATE TABLE covers (
    picture TEXT PRIMARY KEY,   -- its key (identity/pictures.py)
    url TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, http_status INTEGER NOT NULL,
    tries INTEGER NOT NULL, size_bytes INTEGER NOT NULL, width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL, sha256 TEXT NOT NULL, fetched_at TEXT NOT NULL,
    final_url TEXT NOT NULL, rendering TEXT NOT NULL, etag TEXT NOT NULL,
    last_modified TEXT NOT NULL, phash TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0     -- runs, one after another, that didn't get it
) WITHOUT ROWID;
CREATE TABLE files (
    picture TEXT NOT NULL,      -- a good one, whose bytes the file has
    path TEXT NOT NULL,         -- below the images folder, or beside it where it is set aside
    PRIMARY KEY (picture, path)
) WITHOUT ROWID;
CREATE TABLE renewals (
    url TEXT PRIMARY KEY,       -- of rows whose picture has another address now
    new_url TEXT NOT NULL       -- which is not in the TSV yet
) WITHOUT ROWID;
CREATE TABLE looks (
    seq INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE,
    look BLOB NOT NULL          -- its descriptor, empty where the file is no picture
);
CREATE TABLE sets (
    album TEXT NOT NULL,        -- its key (identity/albums.py), '' where it isn't known
    path TEXT NOT NULL,         -- of its file; an album may have several
    set_name TEXT NOT NULL,
    PRIMARY KEY (album, path)
) WITHOUT ROWID;
CREATE TABLE placements (
    seq INTEGER PRIMARY KEY, album TEXT NOT NULL UNIQUE, set_name TEXT NOT NULL,
    ties TEXT NOT NULL          -- JSON: what it shares with others of its set
);
CREATE TABLE pairs (
    first TEXT NOT NULL, second TEXT NOT NULL,      -- sha256 of the files
    distance INTEGER NOT NULL, likeness REAL NOT NULL, is_alike INTEGER NOT NULL,
    PRIMARY KEY (first, second)
) WITHOUT ROWID;
CREATE TABLE alike (sha256 TEXT PRIMARY KEY, group_name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE balanced (
    album BLOB PRIMARY KEY      -- digest of what it is known by (dataset/balancing.py)
) WITHOUT ROWID;
CREATE TABLE requests (
    host TEXT NOT NULL, day TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (host, day)
) WITHOUT ROWID;
CREATE TABLE rests (
    host TEXT PRIMARY KEY,      -- that refused us
    since TEXT NOT NULL, until TEXT NOT NULL,       -- UTC in ISO 8601
    times INTEGER NOT NULL,     -- how often, one after another; 0: a service that said how long
    why TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE ratings (
    album_id TEXT PRIMARY KEY,  -- of which its source was asked
    rating_count INTEGER, rating_average REAL, have INTEGER, want INTEGER,  -- NULL: unknown there
    asked_at TEXT NOT NULL      -- UTC in ISO 8601
) WITHOUT ROWID;
"""
# Of several paths of one picture, the good one is left, else the newest. The picture of a row that
# has no address of one is named for its file (dataset/covers.py); `repair` notes such covers.
_BY_PICTURE = """
ALTER TABLE covers ADD COLUMN shown TEXT NOT NULL DEFAULT '';
UPDATE covers SET shown = iif(
    url NOT LIKE 'http://_%' AND url NOT LIKE 'https://_%'
    OR url LIKE '%/spacer.gif%' OR url LIKE '%/default-release%.png%'
    OR url LIKE 'http%://st.discogs.com' OR url LIKE 'http%://st.discogs.com/',
    'file:' || substr(path, instr(path, '/') + 1), picture);
CREATE INDEX covers_shown ON covers (shown);
CREATE TABLE covers_anew (
    picture TEXT PRIMARY KEY, url TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, http_status INTEGER NOT NULL,
    tries INTEGER NOT NULL, size_bytes INTEGER NOT NULL, width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL, sha256 TEXT NOT NULL, fetched_at TEXT NOT NULL,
    final_url TEXT NOT NULL, rendering TEXT NOT NULL, etag TEXT NOT NULL,
    last_modified TEXT NOT NULL, phash TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO covers_anew SELECT shown, url, status, reason, http_status, tries, size_bytes, width_px,
    height_px, sha256, fetched_at, final_url, rendering, etag, last_modified, phash, failures
    FROM covers INDEXED BY covers_shown WHERE path = (
        SELECT path FROM covers AS other WHERE other.shown = covers.shown
        ORDER BY status = 'ok' DESC, fetched_at DESC, path LIMIT 1);
CREATE TABLE files (
    picture TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (picture, path)
) WITHOUT ROWID;
INSERT INTO files SELECT anew.picture, old.path FROM covers AS old INDEXED BY covers_shown
    JOIN covers_anew AS anew ON anew.picture = old.shown
    WHERE old.status = 'ok' AND anew.status = 'ok' AND anew.sha256 = old.sha256;
DROP TABLE covers;
ALTER TABLE covers_anew RENAME TO covers;
CREATE TABLE sets_anew (
    album TEXT NOT NULL, path TEXT NOT NULL, set_name TEXT NOT NULL, PRIMARY KEY (album, path)
) WITHOUT ROWID;
INSERT INTO sets_anew SELECT '', path, set_name FROM sets;
DROP TABLE sets;
ALTER TABLE sets_anew RENAME TO sets;
"""
# All sizes of an album's cover at Spotify have one key since (identity/pictures.py).
_BY_SIZE = (
    "SET picture = 'spotify:' || substr(picture, -24) WHERE picture GLOB"
    f" 'http*://*/image/ab67616d0000{'[0-9a-f]' * 28}' AND picture NOT GLOB 'http*://*/*/image/*'"
)
# SQL that brings a ledger of each earlier format to the next one, by the earlier format.
MIGRATIONS = {
    1: """
ALTER TABLE covers ADD COLUMN final_url TEXT NOT NULL DEFAULT '';
ALTER TABLE covers ADD COLUMN rendering TEXT NOT NULL DEFAULT 'original';
ALTER TABLE covers ADD COLUMN etag TEXT NOT NULL DEFAULT '';
ALTER TABLE covers ADD COLUMN last_modified TEXT NOT NULL DEFAULT '';
ALTER TABLE covers ADD COLUMN phash TEXT NOT NULL DEFAULT '';
ALTER TABLE covers ADD COLUMN grey BLOB NOT NULL DEFAULT x'';
""",
    2: """
CREATE TABLE placements (
    seq INTEGER PRIMARY KEY, album TEXT NOT NULL UNIQUE, set_name TEXT NOT NULL,
    ties TEXT NOT NULL          -- JSON: what it shares with others of its set
);
""",
    3: """
CREATE TABLE covers_anew (
    path TEXT PRIMARY KEY, picture TEXT NOT NULL, url TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, http_status INTEGER NOT NULL,
    tries INTEGER NOT NULL, size_bytes INTEGER NOT NULL, width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL, sha256 TEXT NOT NULL, fetched_at TEXT NOT NULL,
    final_url TEXT NOT NULL, rendering TEXT NOT NULL, etag TEXT NOT NULL,
    last_modified TEXT NOT NULL, phash TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO covers_anew SELECT path, picture, url, status, reason, http_status, tries, size_bytes,
    width_px, height_px, sha256, fetched_at, final_url, rendering, etag, last_modified, phash
    FROM covers;
DROP TABLE covers;
ALTER TABLE covers_anew RENAME TO covers;
CREATE INDEX covers_by_picture ON covers (picture);
CREATE TABLE looks (
    seq INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE,
    look BLOB NOT NULL          -- its descriptor, empty where the file is no picture
);
CREATE TABLE pairs (
    first TEXT NOT NULL, second TEXT NOT NULL,      -- sha256 of the files
    distance INTEGER NOT NULL, likeness REAL NOT NULL, is_alike INTEGER NOT NULL,
    PRIMARY KEY (first, second)
) WITHOUT ROWID;
CREATE TABLE alike (sha256 TEXT PRIMARY KEY, group_name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE balanced (
    album BLOB PRIMARY KEY      -- digest of what it is known by (dataset/balancing.py)
) WITHOUT ROWID;
""",
    4: """
ALTER TABLE pages ADD COLUMN asks INTEGER NOT NULL DEFAULT 1;
ALTER TABLE pages ADD COLUMN ids TEXT NOT NULL DEFAULT '[]';
ALTER TABLE covers ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
UPDATE covers SET failures = 1 WHERE status <> 'ok';
CREATE TABLE renewals (
    url TEXT PRIMARY KEY,       -- of rows whose picture has another address now
    new_url TEXT NOT NULL       -- which is not in the TSV yet
) WITHOUT ROWID;
CREATE TABLE rests (
    host TEXT PRIMARY KEY,      -- that refused us
    since TEXT NOT NULL, until TEXT NOT NULL,       -- UTC in ISO 8601
    times INTEGER NOT NULL,     -- how often, one after another
    why TEXT NOT NULL
) WITHOUT ROWID;
""",
    5: _BY_PICTURE,
    6: """
CREATE TABLE ratings (
    album_id TEXT PRIMARY KEY,
    rating_count INTEGER, rating_average REAL, have INTEGER, want INTEGER,
    asked_at TEXT NOT NULL
) WITHOUT ROWID;
""",
    7: f"""
CREATE TABLE additions (
    seq INTEGER PRIMARY KEY, album_id TEXT NOT NULL, listing TEXT NOT NULL
);
CREATE TABLE crawl (
    task TEXT PRIMARY KEY, listings TEXT NOT NULL, leads TEXT NOT NULL, asked_at TEXT NOT NULL,
    used INTEGER NOT NULL
) WITHOUT ROWID;
UPDATE OR IGNORE covers {_BY_SIZE};
UPDATE OR IGNORE files {_BY_SIZE};
UPDATE albums {_BY_SIZE};
""",
}
