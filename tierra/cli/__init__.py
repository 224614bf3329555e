"""The command `tierra`."""
