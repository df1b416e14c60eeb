"""Rows to a table that all workers map, and an address to what the tables and the rules say of it."""
