"""The ledger as Parquet files, read with DuckDB."""
