"""The stations: run policy, and where values meet storage."""
