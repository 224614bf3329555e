"""A worker whose runs are forked from a process that has imported everything (docs/decisions/0019-warm-worker.md)."""
