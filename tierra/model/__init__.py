"""Candidates, metrics, the gate, the artifact, champions, MLflow and scoring."""
