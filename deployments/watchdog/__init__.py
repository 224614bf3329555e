"""The watchdog: ends and restarts runs whose processes died, and keeps the status page fresh (docs/decisions/0020)."""
