"""What a run ends with: expected ends are values, with everything a reader asks for."""
