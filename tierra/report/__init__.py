"""The receipt: one self-contained HTML page a run."""
