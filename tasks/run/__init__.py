"""Around a run: its form, its log, its progress, its stations and its page."""
