"""The status of every project: read from stores and server, judged, shown."""
