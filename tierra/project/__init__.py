"""The project file as a typed, frozen object."""
