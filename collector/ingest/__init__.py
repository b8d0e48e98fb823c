"""Ingest: batches of readings come in, and are durable before they are acknowledged."""
