"""What a promotion says: the same as a rollback that repairs nothing."""

from tierra.report.flows.rollback import counts, digests, in_terminal, sections, summary

__all__ = ["counts", "digests", "in_terminal", "sections", "summary"]
