"""Clean, dedupe and count a TSV by another way: python one_rival_table.py WAY FROM TO.

WAY is `polars`, `pandas` or `duckdb`, each in one pass, or `clean`, `dedupe` or `count`: one of
three plain scripts with pandas. What is left is written to TO, how many rows have which genre is
printed. It does what EquiGen does to these rows, and none of its checks.
"""

import base64
import importlib
import re
import sys
from typing import Any

CODE = r"/(czM6[A-Za-z0-9_\-/]+)\.jpeg$"
OLD = r"discogs-images/([^/]+\.jpeg)\.jpg$"
MARKS = r"\*|\(\d+\)"
NO_PICTURE = "spacer.gif"

SQL = (
    rf"""CREATE TABLE albums AS
SELECT row_number() OVER () AS number, * REPLACE (
    trim(regexp_replace(regexp_replace(artist, '{MARKS}', '', 'g'), '\s+', ' ', 'g')) AS artist)
FROM read_csv('SOURCE', delim='\t', quote='"', escape='"', header=true, all_varchar=true)""",  # noqa: S608  (our own words)
    """CREATE TABLE pairs AS SELECT * FROM albums
QUALIFY row_number() OVER (PARTITION BY artist, album ORDER BY number) = 1""",
    rf"""CREATE TABLE coded AS SELECT *, regexp_extract(image_url, '{OLD}', 1) AS old,
    replace(replace(replace(regexp_extract(image_url, '{CODE}', 1), '/', ''), '-', '+'), '_', '/')
    AS code
FROM pairs""",  # noqa: S608
    """CREATE TABLE keyed AS SELECT * EXCLUDE (code, old), CASE
    WHEN code <> '' THEN regexp_extract(
        decode(from_base64(rpad(code, (4 * ceil(length(code) / 4))::INT, '='))), '[^/]*$')
    WHEN old <> '' THEN old ELSE image_url END AS key
FROM coded""",
    f"""CREATE TABLE kept AS SELECT * FROM keyed
QUALIFY key LIKE '%{NO_PICTURE}' OR row_number() OVER (PARTITION BY key ORDER BY number) = 1""",  # noqa: S608
    """COPY (SELECT * EXCLUDE (number, key) FROM kept ORDER BY number)
TO 'TARGET' (DELIMITER '\t', HEADER)""",
    "SELECT genre, count(*) FROM kept GROUP BY genre",
)


def polars(source: str, target: str) -> None:
    """Do all three in one pass of polars."""
    import polars as pl  # noqa: PLC0415

    rows = pl.read_csv(source, separator="\t", infer_schema=False)
    name = pl.col("artist").str.replace_all(MARKS, "").str.replace_all(r"\s+", " ")
    rows = rows.with_columns(name.str.strip_chars())
    rows = rows.unique(["artist", "album"], keep="first", maintain_order=True)
    url = pl.col("image_url")
    code = url.str.extract(CODE).str.replace_all("/", "", literal=True)
    code = code.str.replace_all("-", "+", literal=True).str.replace_all("_", "/", literal=True)
    padding = {2: "==", 3: "="}
    code += (code.str.len_bytes() % 4).replace_strict(padding, default="", return_dtype=pl.String)
    stored = code.str.decode("base64").cast(pl.String).str.extract("([^/]*)$")
    rows = rows.with_columns(key=pl.coalesce(stored, url.str.extract(OLD), url))
    is_none = pl.col("key").str.ends_with(NO_PICTURE)
    rows = rows.filter(is_none | pl.col("key").is_first_distinct()).drop("key")
    rows.write_csv(target, separator="\t")
    print(dict(rows["genre"].value_counts().rows()))


def duckdb(source: str, target: str) -> None:
    """Do all three in one pass of DuckDB."""
    db = importlib.import_module("duckdb").connect()
    for step in SQL:
        db.execute(step.replace("SOURCE", source).replace("TARGET", target))
    print(dict(db.fetchall()))


def pandas(source: str, target: str) -> None:
    """Do all three in one pass of pandas."""
    rows = _deduped(_cleaned(_read(source)))
    rows.to_csv(target, sep="\t", index=False)
    print(rows["genre"].value_counts().to_dict())


def clean(source: str, target: str) -> None:
    """Clean artists: the first script."""
    _cleaned(_read(source)).to_csv(target, sep="\t", index=False)


def dedupe(source: str, target: str) -> None:
    """Drop duplicates: the second script."""
    _deduped(_read(source)).to_csv(target, sep="\t", index=False)


def count(source: str, _target: str) -> None:
    """Count genres: the third script."""
    print(_read(source)["genre"].value_counts().to_dict())


def _read(source: str) -> Any:  # noqa: ANN401  (a frame, of a library that only this way loads)
    import pandas as pd  # noqa: PLC0415

    return pd.read_csv(source, sep="\t", dtype=str, keep_default_na=False)


def _cleaned(rows: Any) -> Any:  # noqa: ANN401
    names = rows["artist"].str.replace(MARKS, "", regex=True)
    rows["artist"] = names.str.replace(r"\s+", " ", regex=True).str.strip()
    return rows


def _deduped(rows: Any) -> Any:  # noqa: ANN401
    rows = rows.drop_duplicates(["artist", "album"])
    keys = rows["image_url"].map(_key)
    return rows[~keys.duplicated() | keys.str.endswith(NO_PICTURE)]


def _key(url: str) -> str:
    if found := re.search(CODE, url):
        code = found[1].replace("/", "")
        return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)).decode().rpartition("/")[2]
    old = re.search(OLD, url)
    return old[1] if old else url


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
