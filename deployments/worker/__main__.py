"""`python -m deployments.worker [options of prefect worker start]`."""

import sys

from deployments.worker.supervisor import run_worker

if __name__ == "__main__":
    sys.exit(run_worker(sys.argv[1:]))
