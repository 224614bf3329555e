"""The checks of `tierra doctor`."""
