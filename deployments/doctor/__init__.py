"""What `tierra doctor` looks at, a file a place."""
