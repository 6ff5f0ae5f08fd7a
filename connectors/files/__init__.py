"""File drops: CSV, Parquet, Excel; samples and interval reports."""
