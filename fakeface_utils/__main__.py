"""``python -m fakeface_utils`` is the same as ``fakeface``."""

import sys

from fakeface_utils.cli import main

if __name__ == "__main__":
    sys.exit(main())
