"""Objects, tables, the memo, and published predictions."""
