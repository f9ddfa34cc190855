"""DuckDB reads what a flow with every kind of task wrote, and compares it with its own SQL over the source."""

import csv
import json
import random

import duckdb

ROWS, PARTS = 20_000, 4

COLUMNS = ["id", "first", "last", "email", "phone", "country", "price", "quantity", "score", "active", "born", "seen", "note"]


def source_rows():
    """A table with what CSV makes hard: quotes, commas, line breaks, several alphabets, and cells without a value."""
    rnd = random.Random(20)
    for i in range(ROWS):
        yield [
            i + 1,
            rnd.choice(["Ana", "José", "李", "Zoë", "Иван", ""]),
            rnd.choice(["O'Neill", "García", "Smith, jr", 'the "Best"', "美咲"]),
            f"user.{i}@example.com" if rnd.random() < 0.9 else "",
            f"+49 30 {rnd.randrange(10**7)}" if rnd.random() < 0.8 else rnd.choice(["", "110", "1"]),
            rnd.choice(["DE", "FR", "US", "a/b", "x=y", "São Tomé", ""]),
            f"{rnd.randrange(10**6) / 100:.2f}" if rnd.random() < 0.95 else "",
            rnd.randrange(100),
            f"{rnd.random():.6f}" if rnd.random() < 0.95 else rnd.choice(["", "n/a"]),
            rnd.choice(["true", "false", "TRUE"]),
            f"{rnd.randrange(1950, 2010)}-{rnd.randrange(1, 13):02}-{rnd.randrange(1, 29):02}" if rnd.random() < 0.9 else "",
            f"2024-{rnd.randrange(1, 13):02}-03T{rnd.randrange(24):02}:15:30.250Z",
            rnd.choice(["", "plain", "line one\nline two", "a note that is longer than twelve", "ends with \\", "日本語のとても長いメモです、はい"]),
        ]


# What the flow must come to, said once more, in SQL. A cell without anything is null.
EXPECTED = """
    SELECT CAST(id AS BIGINT) AS id,
           coalesce(first, '') || ' ' || coalesce(last, '') AS name,
           regexp_replace(email, '.', '*', 'gs') AS email,
           CASE WHEN length(phone) <= 4 THEN repeat('#', length(phone)) ELSE left(phone, length(phone) - 4) || '####' END AS phone,
           country,
           CAST(price AS DECIMAL(18, 2)) AS price,
           CAST(price AS DECIMAL(18, 2)) * CAST(quantity AS DECIMAL(9, 0)) AS total,
           CAST(active AS BOOLEAN) AS active,
           CAST(born AS DATE) AS born,
           CAST(replace(replace(seen, 'T', ' '), 'Z', '') AS TIMESTAMP) AS seen,
           left(note, 12) AS note
    FROM source
    WHERE TRY_CAST(score AS DOUBLE) > 0.2 AND country IN ('DE', 'FR', 'a/b', 'x=y', 'São Tomé') AND email IS NOT NULL
"""


def tasks(with_types):
    def task(kind, fields, operator, to=None, **properties):
        t = {"taskType": kind, "sourceFields": fields, "connectorOperator": {"S3": operator}, "taskProperties": properties}
        return t | ({"destinationField": to} if to else {})

    def mapped(field, to, kind):
        return task("Map", [field], "NO_OP", to, **({"DESTINATION_DATA_TYPE": kind} if with_types else {}))

    return [
        task("Filter", ["score"], "GREATER_THAN", DATA_TYPE="double", VALUE="0.2"),
        task("Filter", ["country"], "EQUAL_TO", DATA_TYPE="string", VALUES="DE,FR,a/b,x=y,São Tomé"),
        task("Validate", ["email"], "VALIDATE_NON_NULL", VALIDATION_ACTION="DropRecord"),
        task("Merge", ["first", "last"], "NO_OP", "first,last", CONCAT_FORMAT="${first} ${last}"),
        task("Arithmetic", ["price", "quantity"], "MULTIPLICATION", "price,quantity", MATH_OPERATION_FIELDS_ORDER="price,quantity"),
        task("Mask", ["email"], "MASK_ALL", MASK_VALUE="*"),
        task("Mask", ["phone"], "MASK_LAST_N", MASK_LENGTH="4", MASK_VALUE="#"),
        task("Truncate", ["note"], "NO_OP", TRUNCATE_LENGTH="12"),
        mapped("id", "id", "long"),
        mapped("first,last", "name", "string"),
        mapped("email", "email", "string"),
        mapped("phone", "phone", "string"),
        mapped("country", "country", "string"),
        mapped("price", "price", "decimal"),
        mapped("price,quantity", "total", "decimal"),
        mapped("active", "active", "boolean"),
        mapped("born", "born", "date"),
        mapped("seen", "seen", "datetime"),
        mapped("note", "note", "string"),
    ]


def variants():
    """Output formats, each with another way of cutting files."""
    return {
        "parquet-single": {"fileType": "PARQUET", "preserveSourceDataTyping": True, "aggregationConfig": {"aggregationType": "SingleFile"}},
        "parquet-parts": {"fileType": "PARQUET", "preserveSourceDataTyping": True, "aggregationConfig": {"aggregationType": "None"}},
        "csv-single": {"fileType": "CSV", "aggregationConfig": {"aggregationType": "SingleFile"}},
        "csv-sized": {"fileType": "CSV", "aggregationConfig": {"aggregationType": "None", "targetFileSize": 1}},
        "json-partitioned": {"fileType": "JSON"},
        "parquet-partitioned": {"fileType": "PARQUET", "preserveSourceDataTyping": True},
        "csv-gzip": {"fileType": "CSV"},
        "csv-zstd-sized": {"fileType": "CSV", "aggregationConfig": {"aggregationType": "None", "targetFileSize": 1}},
        "json-gzip-single": {"fileType": "JSON", "aggregationConfig": {"aggregationType": "SingleFile"}},
        "json-zstd-partitioned": {"fileType": "JSON"},
        "parquet-gzip": {"fileType": "PARQUET", "preserveSourceDataTyping": True},
        "parquet-zstd": {"fileType": "PARQUET", "preserveSourceDataTyping": True},
        "parquet-none": {"fileType": "PARQUET", "preserveSourceDataTyping": True},
    }


def compression(name):
    """What a variant's name says of compression, as the option that boto3 sets."""
    return next((c for c in ("gzip", "zstd", "none") if c in name), None)


def judge(server, checks):
    folder = server.bucket("shop") / "people"
    folder.mkdir()
    rows = list(source_rows())
    for part in range(PARTS):
        with open(folder / f"{part}.csv", "w", newline="") as f:
            writer = csv.writer(f, lineterminator="\r\n" if part % 2 else "\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows[part::PARTS])
    db = duckdb.connect()
    db.execute(f"CREATE TABLE source ({', '.join(c + ' VARCHAR' for c in COLUMNS)})")
    db.executemany(f"INSERT INTO source VALUES ({', '.join('?' * len(COLUMNS))})", [[str(c) if c != "" else None for c in row] for row in rows])
    db.execute(f"CREATE TABLE expected AS {EXPECTED}")
    appflow = server.client()
    for name, output in variants().items():
        with checks.part(name):
            variant(server, appflow, db, checks, name, output)


def variant(server, appflow, db, checks, name, output):
    typed = output.get("preserveSourceDataTyping", False)
    partition = [{"taskType": "Partition", "sourceFields": [], "taskProperties": {"ORDERED_PARTITION_KEYS_LIST": json.dumps(["country"])}}]
    appflow.create_flow(
        flowName=name,
        triggerConfig={"triggerType": "OnDemand"},
        sourceFlowConfig={"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": "people/"}}},
        destinationFlowConfigList=[
            {"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "out", "bucketPrefix": "judged", "s3OutputFormatConfig": output}}},
        ],
        tasks=tasks(typed) + (partition if name.endswith("partitioned") else []),
        tags={"weir:verify": "full"} | ({"weir:compression": compression(name)} if compression(name) else {}),
    )
    record = server.finished(appflow, name, appflow.start_flow(flowName=name)["executionId"])
    checks.equal("status", (record["executionStatus"], record["executionResult"].get("errorInfo")), ("Successful", None))
    checks.equal("records processed", record["executionResult"]["recordsProcessed"], ROWS)
    found = sorted(str(p) for p in (server.bucket("out") / "judged" / name).rglob("*") if p.is_file())
    checks.equal("bytes written", record["executionResult"]["bytesWritten"], sum(len(open(p, "rb").read()) for p in found))
    if name.endswith("single"):
        checks.equal("one file", len(found), 1)
    read(db, found, output["fileType"])
    if compression(name) and output["fileType"] != "PARQUET":
        extension = {"gzip": ".gz", "zstd": ".zst"}[compression(name)]
        checks.equal("names without the extension", [p for p in found if not p.endswith(extension)], [])
    elif compression(name):
        codecs = {row[0] for row in db.execute("SELECT DISTINCT compression FROM parquet_metadata(?)", [found]).fetchall()}
        checks.equal("codecs", codecs, {{"none": "UNCOMPRESSED"}.get(compression(name), compression(name).upper())})
    if typed:
        kinds = {row[0]: row[1] for row in db.execute("DESCRIBE raw").fetchall()}
        got = [kinds[c].split("(")[0] for c in ("id", "price", "active", "born")] + [kinds["seen"].startswith("TIMESTAMP")]
        checks.equal("types", got, ["BIGINT", "DECIMAL", "BOOLEAN", "DATE", True])
    # Every column in one form, whatever the format has kept of its type.
    db.execute("""
        CREATE OR REPLACE TABLE got AS
        SELECT CAST(id AS BIGINT) AS id, name, email, phone, country, CAST(price AS DECIMAL(18, 2)) AS price,
               CAST(total AS DECIMAL(28, 2)) AS total, CAST(active AS BOOLEAN) AS active, CAST(born AS DATE) AS born,
               CAST(replace(replace(regexp_replace(CAST(seen AS VARCHAR), '(\\+00(:00)?|Z)$', ''), 'T', ' '), 'Z', '') AS TIMESTAMP) AS seen, note
        FROM raw
    """)
    sums = "SELECT count(*), sum(id), sum(price), sum(total), count(born), count(phone), sum(length(name)), min(seen), max(seen) FROM "
    checks.equal("counts and sums", db.execute(sums + "got").fetchone(), db.execute(sums + "expected").fetchone())
    for here, there in (("got", "expected"), ("expected", "got")):
        extra = db.execute(f"SELECT * FROM {here} EXCEPT SELECT * FROM {there} ORDER BY id LIMIT 2").fetchall()
        checks.equal(f"rows that only {here} has", extra, [])
    if name.endswith("partitioned"):
        folders = db.execute("SELECT DISTINCT regexp_extract(url_decode(file), 'country=(.*)/[^/]*$', 1), country FROM raw").fetchall()
        checks.true("several partitions", len(folders) == 5)
        checks.equal("rows in the folder of another value", [f for f in folders if f[0] != f[1]], [])


def read(db, found, kind):
    """Reads the files as DuckDB does by itself; texts stay texts where the format has no types."""
    reader = {
        "PARQUET": "read_parquet(?, filename = 'file', hive_partitioning = false)",
        "CSV": "read_csv(?, filename = 'file', hive_partitioning = false, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')",
        "JSON": "read_json(?, filename = 'file', hive_partitioning = false, format = 'newline_delimited', auto_detect = false, columns = {"
        + ", ".join(f"{c}: 'VARCHAR'" for c in ("id", "name", "email", "phone", "country", "price", "total", "active", "born", "seen", "note"))
        + "})",
    }[kind]
    db.execute(f"CREATE OR REPLACE TABLE raw AS SELECT * FROM {reader}", [found])
