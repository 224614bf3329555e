"""How every project stands: seen in the stores and on the server, judged, shown."""
