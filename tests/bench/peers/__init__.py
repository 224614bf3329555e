"""The same eight steps under each orchestrator. Each script runs in a venv that holds that orchestrator alone."""
