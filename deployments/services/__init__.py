"""The services of `make up`: what is started, where each listens, and how all of it ends."""
