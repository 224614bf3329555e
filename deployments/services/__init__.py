"""The services of `make up`: what is started, on which addresses, and how it is stopped."""
