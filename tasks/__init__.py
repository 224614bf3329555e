"""What Prefect needs: the stations, what is around a run, and the server."""
