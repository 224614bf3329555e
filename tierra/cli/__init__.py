"""The command `tierra`."""

import time
from typing import Final

# When this process began, as near as our code can tell: a run's time includes what its libraries take to load.
STARTED: Final = time.perf_counter()
