"""What runs: one file a flow, its body a table of contents."""
