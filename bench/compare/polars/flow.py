"""Runs one of the benchmark's flows in Polars: flow.py FLOW IN OUT. The rules are in flows/flows.go."""

import json
import os
import sys

import polars as pl

flow, inputs, source, target = json.loads(sys.argv[1]), json.loads(sys.argv[2]), *sys.argv[3:5]

# Types are given, so that Polars neither samples nor infers: it is told what Weir finds out by itself.
files = os.path.join(source, flow["In"], "*." + flow["In"])
if flow["In"] == "csv":
    rows = pl.scan_csv(files, schema={c: pl.String for c in inputs})
else:
    # Polars reads fractions as doubles and no other way; rounded to the decimals that they were, they are exact again.
    # Only the members that the mapped flows need are named; they get the names of the columns in CSV.
    deal = pl.Struct({"amount": pl.Float64, "score": pl.Float64})
    schema = {
        "id": pl.Int64,
        "external_id": pl.String,
        "name": pl.Struct({"first": pl.String, "last": pl.String}),
        "title": pl.String,
        "contact": pl.Struct({"email": pl.String, "phone": pl.String}),
        "address": pl.Struct({"country": pl.String}),
        "account": pl.Struct({"name": pl.String, "deal": deal}),
        "created_at": pl.String,
    }
    rows = pl.scan_ndjson(files, schema=schema).select(
        "id",
        "external_id",
        "title",
        "created_at",
        first_name=pl.col.name.struct.field("first"),
        last_name=pl.col.name.struct.field("last"),
        email=pl.col.contact.struct.field("email"),
        phone=pl.col.contact.struct.field("phone"),
        country=pl.col.address.struct.field("country"),
        company=pl.col.account.struct.field("name"),
        amount=pl.col.account.struct.field("deal").struct.field("amount"),
        score=pl.col.account.struct.field("deal").struct.field("score"),
    )

if not flow["MapAll"]:
    # Polars gives a product the larger scale of its factors: with eight digits both, none are lost.
    score = pl.col.score.cast(pl.Decimal(18, 8))
    weighted = pl.col.amount.cast(pl.Decimal(18, 8)) * score

    def stars(column):
        return pl.lit("").str.pad_end(column.str.len_chars(), "*")

    rows = rows.filter(pl.col.score.cast(pl.Float64) > 0.4, pl.col.email.is_not_null()).select(
        pl.col.id.cast(pl.String),
        ref="external_id",
        name=pl.concat_str(pl.col.first_name.fill_null(""), pl.col.last_name.fill_null(""), separator=" "),
        email=stars(pl.col.email),
        # What is left without the last four characters, filled up to the length it had.
        phone=pl.col.phone.str.head(-4).str.pad_end(pl.col.phone.str.len_chars(), "*"),
        company=pl.col.company.str.head(12),
        country="country",
        segment="title",
        created_at="created_at",
        weighted=weighted.cast(pl.String),
    )

# Sinks run in the streaming engine, in parallel, and keep the order of rows, as Weir does in a single file.
if flow["Partition"]:
    rows.sink_parquet(pl.PartitionBy(target, key=["country", "segment"], include_key=True), compression="snappy", mkdir=True)
elif flow["Out"] == "parquet":
    rows.sink_parquet(os.path.join(target, "part.parquet"), compression="snappy")
elif flow["Out"] == "json":
    rows.sink_ndjson(os.path.join(target, "part.json"))
else:
    rows.sink_csv(os.path.join(target, "part.csv"))
