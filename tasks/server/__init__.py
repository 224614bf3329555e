"""The Prefect server, read."""
