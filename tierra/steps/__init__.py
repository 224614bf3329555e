"""The steps of a night: plain functions that take a workspace and references first, and know no Prefect."""
