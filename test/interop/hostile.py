"""Weir and DuckDB read the same generated files, and must tell the same of them: hostile.py PATH-OF-WEIR [SEED] [ROUNDS].

A seeded generator writes CSV, JSON and Parquet with what readers get wrong: quotes, delimiters and line breaks in cells,
empty cells and empty texts, several alphabets, escapes, numbers of any length, nested values, files that end without a
line break, byte order marks, compression. `weir run` copies them into JSON lines; DuckDB reads the same files by itself,
and Python's own readers judge where DuckDB and Weir mean different things by null.
"""

import csv
import gzip
import io
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import duckdb

from rig import Checks

PIECES = [
    "a", "x" * 11, "x" * 12, "x" * 13, "long enough to lie outside the header of a cell", ",", '"', '""', "\n", "\r\n", "\t", " ", "\\", "\\n", "\\\"",
    "{", "}", "[1,2]", ":", "null", "NULL", "true", "0", "-0", "1.50", "1e400", "00012", "é", "日本語", "😀", "\u2028", "\u00a0", "\ufeff", "\x01", "\x7f",
    "'", ";", "=1+1", "NaN", "2024-02-30", "a.b", "ß", "İ", "\u0301",
]
NAMES = ["id", "name", "a b", "Größe", 'q"uote', "with,comma", "dot.ted", "日本", "UPPER", "x" * 40, "line\nbreak", "0"]


def text(rnd):
    return "".join(rnd.choice(PIECES) for _ in range(rnd.choice([0, 1, 1, 2, 3, 8])))


def columns(rnd, least=2):
    return ["id"] + rnd.sample(NAMES[1:], rnd.randrange(least - 1, 7))


def stored(rnd, data):
    """The bytes as a file may keep them, and the ending of its name."""
    how = rnd.randrange(4)
    if how == 0:
        half = rnd.randrange(len(data) + 1)
        return gzip.compress(data[:half]) + gzip.compress(data[half:]), ".gz"
    return data, ""


def csv_file(rnd, folder):
    names = columns(rnd)
    end = rnd.choice(["\n", "\r\n"])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=rnd.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer.writerow(names)
    want = []
    for i in range(rnd.choice([0, 1, 3, 200, 3000])):
        row = [str(i)] + [text(rnd) for _ in names[1:]]
        writer.writerow(row)
        want.append([c if c != "" else None for c in row])
    data = out.getvalue()
    if want and rnd.random() < 0.3:
        data = data[: -len(end)]
    encoding = rnd.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16"])
    raw, ending = stored(rnd, data.encode(encoding))
    path = folder / ("a.csv" + ending)
    path.write_bytes(raw)

    def duck(db):
        if encoding == "utf-16":
            return None  # read by an extension only
        sql = f"SELECT * FROM read_csv('{path}', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', new_line = '{repr(end)[1:-1]}', auto_detect = false, columns = {{{', '.join(quoted(n) + ': ' + chr(39) + 'VARCHAR' + chr(39) for n in names)}}})"
        return [[c if c != "" else None for c in row] for row in db.execute(sql).fetchall()]

    return "CSV", names, want, duck


def value(rnd, depth=0):
    kind = rnd.randrange(9 if depth < 3 else 6)
    if kind <= 1:
        return text(rnd)
    if kind == 2:
        return rnd.choice([0, -1, 2**31, -(2**63), 2**53 + 1, rnd.randrange(-(10**6), 10**6)])
    if kind == 3:
        return rnd.choice([0.5, -1.25, 1e-7, 123456.789])
    if kind == 4:
        return rnd.choice([True, False])
    if kind == 5:
        return None
    if kind == 6:
        return [value(rnd, depth + 1) for _ in range(rnd.randrange(4))]
    return {rnd.choice(["p", "q", "r s", "é"]): value(rnd, depth + 1) for _ in range(rnd.randrange(1, 4))}


def json_file(rnd, folder):
    names = [n for n in columns(rnd) if n != "dot.ted"]
    records = []
    for i in range(rnd.choice([1, 3, 200, 2000])):
        record = {"id": i} | {n: value(rnd, 1) for n in names[1:] if rnd.random() < 0.9}
        if rnd.random() < 0.5:
            record = dict(sorted(record.items(), key=lambda _: rnd.random()))
        records.append(record)
    ascii_only, layout = rnd.random() < 0.5, rnd.randrange(3)
    lines = [json.dumps(r, ensure_ascii=ascii_only, separators=rnd.choice([(",", ":"), (", ", ": ")])) for r in records]
    if layout == 0:
        data = "\n".join(lines) + rnd.choice(["", "\n", "\n\n"])
    elif layout == 1:
        data = "[" + ",\n".join(lines) + "]"
    else:
        data = json.dumps(records, ensure_ascii=ascii_only, indent=2)
    raw, ending = stored(rnd, data.encode(rnd.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"])))
    path = folder / ("a.json" + ending)
    path.write_bytes(raw)
    want = [[r.get(n) for n in names] for r in records]

    def duck(db):
        if raw[:2] in (b"\xff\xfe", b"\xef\xbb") or ending:
            return None  # DuckDB takes no marks in JSON, and no second member of a gzip
        sql = f"SELECT * FROM read_json('{path}', format = '{'newline_delimited' if layout == 0 else 'array'}', maximum_object_size = 100000000, columns = {{{', '.join(quoted(n) + ': ' + chr(39) + 'JSON' + chr(39) for n in names)}}})"
        return [[None if c is None else json.loads(c) for c in row] for row in db.execute(sql).fetchall()]

    return "JSON", names, want, duck


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


# Types with an expression that makes a value of the row's number, or null.
TYPES = {
    "BIGINT": "i * 1000003 - 5", "INTEGER": "-i", "SMALLINT": "i % 30000", "UTINYINT": "i % 256", "UBIGINT": "18446744073709551615 - i",
    "DOUBLE": "i / 7.0", "FLOAT": "i / 3", "BOOLEAN": "i % 3 = 0", "VARCHAR": "'é,\"' || i || chr(10) || repeat('x', i % 30)",
    "DATE": "DATE '1969-12-25' + CAST(i % 5000 AS INTEGER)", "TIMESTAMP": "TIMESTAMP '1969-12-31 23:59:59.123456' + to_microseconds(i * 999983)",
    "TIMESTAMP_NS": "make_timestamp_ns(i * 1000)", "TIME": "TIME '00:00:00' + to_microseconds(i % 86400)", "DECIMAL(9, 2)": "i / 4", "DECIMAL(18, 4)": "i * 1.5",
    "DECIMAL(38, 10)": "i * 123456789.123", "INTEGER[]": "[i, NULL, -i]", "VARCHAR[][]": "[['a', NULL], [], ['' || i]]",
    "STRUCT(p INTEGER, q VARCHAR[])": "{'p': i, 'q': ['x', '' || i]}", "MAP(VARCHAR, INTEGER)": "MAP {'k': i}",
}


def parquet_file(rnd, folder, db):
    chosen = rnd.sample(sorted(TYPES), rnd.randrange(1, 8))
    names = ["id"] + [f"c{n} {kind.split('(')[0].lower()}" for n, kind in enumerate(chosen)]
    rows = rnd.choice([0, 1, 5, 1000, 20000])
    share = rnd.choice([0, 2, 7])
    select = "SELECT CAST(i AS BIGINT) AS id" + "".join(
        f", CASE WHEN {share} > 0 AND (i * 31 + {n}) % {max(share, 1)} = 0 THEN NULL ELSE CAST({TYPES[kind]} AS {kind}) END AS {quoted(names[n + 1])}" for n, kind in enumerate(chosen)
    ) + f" FROM range({rows}) t(i)"
    path = folder / "a.parquet"
    codec = rnd.choice(["snappy", "zstd", "gzip", "uncompressed", "lz4_raw", "brotli"])
    version = rnd.choice(["V1", "V2"])
    db.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet, COMPRESSION {codec}, ROW_GROUP_SIZE {rnd.choice([2048, 100000])}, PARQUET_VERSION {version})")
    # As JSON says it, in Weir's text forms of times.
    shown = []
    for n, kind in zip(names, ["BIGINT"] + chosen):
        if kind.startswith("TIMESTAMP"):
            shown.append(f"strftime(CAST({quoted(n)} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%f') AS {quoted(n)}")
        elif kind.startswith("DECIMAL") or kind in ("TIME", "UBIGINT"):
            shown.append(f"CAST({quoted(n)} AS VARCHAR) AS {quoted(n)}")
        elif kind.startswith("MAP") or kind.startswith("STRUCT") or kind.endswith("[]"):
            shown.append(f"to_json({quoted(n)}) AS {quoted(n)}")
        else:
            shown.append(quoted(n))
    kinds = ["BIGINT"] + chosen

    def duck(db):
        got = []
        for row in db.execute(f"SELECT {', '.join(shown)} FROM read_parquet('{path}')").fetchall():
            got.append([normal(kind, v) for kind, v in zip(kinds, row)])
        return got

    return "CSV", names, None, duck, kinds


def normal(kind, v):
    """One form of a value, whichever reader gave it."""
    if v is None:
        return None
    if kind.startswith("DECIMAL") or kind == "UBIGINT":
        from decimal import Decimal

        return Decimal(str(v))
    if kind.startswith("TIMESTAMP"):
        return str(v).rstrip("Z").replace(" ", "T").rstrip("0").rstrip(".")
    if kind == "TIME":
        return str(v).rstrip("0").rstrip(".") if "." in str(v) else str(v)
    if kind == "DATE":
        return str(v)
    if kind in ("FLOAT", "DOUBLE"):
        return float(v)
    if kind.startswith("MAP") or kind.startswith("STRUCT") or kind.endswith("[]"):
        return json.loads(v) if isinstance(v, str) else v
    return v


def weir_rows(weir, folder, kind, names):
    """What `weir run` makes of the files: the named columns, as JSON lines."""
    from decimal import Decimal

    request = {
        "flowName": "judged", "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "inbox", "bucketPrefix": "in/", "s3InputFormatConfig": {"s3InputFileType": kind}}}},
        "destinationFlowConfigList": [{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "lake", "s3OutputFormatConfig": {
            "fileType": "JSON", "aggregationConfig": {"aggregationType": "SingleFile"}}}}}],
        "tasks": [{"taskType": "Map", "sourceFields": [n], "destinationField": f"f{i}"} for i, n in enumerate(names)],
    }
    (folder / "flow.json").write_text(json.dumps(request))
    done = subprocess.run(
        [weir, "run", str(folder / "flow.json"), "--data", str(folder / "data"), "--quiet", "--bucket", f"inbox=file://{folder}/inbox", "--bucket", f"lake=file://{folder}/lake"],
        capture_output=True, text=True, timeout=300,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    rows = []
    for path in sorted((folder / "lake").rglob("*")):
        if path.is_file():
            for line in path.read_bytes().split(b"\n"):
                if line:
                    record = json.loads(line, parse_float=lambda s: Decimal(s))
                    rows.append([record[f"f{i}"] for i in range(len(names))])
    return rows


def plain(v):
    """Numbers read exactly, as Python's own reader gives them."""
    from decimal import Decimal

    if isinstance(v, Decimal):
        return float(v)
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    return v


def judge(weir, checks, seed=1, rounds=60):
    db = duckdb.connect()
    for n in range(rounds):
        rnd = random.Random(seed * 1_000_003 + n)
        with tempfile.TemporaryDirectory(prefix="weir-hostile-") as temporary:
            folder = pathlib.Path(temporary)
            (folder / "inbox" / "in").mkdir(parents=True)
            make = [csv_file, json_file, parquet_file][n % 3]
            what = f"{make.__name__} seed {seed} round {n}"
            made = make(rnd, folder / "inbox" / "in", *([db] if make is parquet_file else []))
            kind, names, want, duck = made[:4]
            try:
                got = weir_rows(weir, folder, kind, names)
                other = duck(db)
            except Exception as e:
                checks.fail(what, repr(e)[:700])
                continue
            if make is parquet_file:
                got = [[normal(k, plain(v) if k not in ("UBIGINT",) and not k.startswith("DECIMAL") else v) for k, v in zip(made[4], row)] for row in got]
            else:
                got = [[plain(v) for v in row] for row in got]
            if want is not None:
                same(checks, what + " against what was written", got, want)
            if other is not None:
                same(checks, what + " against DuckDB", got, other)


def same(checks, what, got, want):
    if got == want:
        checks.passed += 1
        return
    for i, (a, b) in enumerate(zip(got, want)):
        if a != b:
            differ = [(x, y) for x, y in zip(a, b) if x != y]
            checks.fail(what, f"row {i}: got {differ[0][0]!r:.300}, want {differ[0][1]!r:.300}")
            return
    checks.fail(what, f"{len(got)} rows, {len(want)} wanted")


if __name__ == "__main__":
    checks = Checks()
    judge(sys.argv[1], checks, *(int(a) for a in sys.argv[2:]))
    print(f"hostile files: {checks.passed} passed, {len(checks.failed)} failed")
    sys.exit(1 if checks.failed else 0)
