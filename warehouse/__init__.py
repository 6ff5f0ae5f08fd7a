"""The only room that knows Delta and DuckDB: the lake, the shop window, the shelf of models."""
