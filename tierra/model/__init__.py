"""Candidates, metrics, the gate, the artifact, the registry and scoring."""
