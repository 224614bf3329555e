"""Print the address of the package index that pip is set up for, so that Poetry uses the same."""

import subprocess
import sys

from pip._internal.models.index import PyPI

found = subprocess.run(
    [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
)
print(found.stdout.strip() or PyPI.simple_url)
