"""A training that searches, in a process of its own, to be killed."""

import sys

from tests.direct import train_directly

if __name__ == "__main__":
    train_directly(sys.argv[1])
