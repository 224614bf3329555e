"""Leaks: ways in which what is only known later, or what the model is tested on, reaches the features."""
