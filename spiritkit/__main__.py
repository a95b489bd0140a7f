"""`python -m spiritkit`."""

import sys

from spiritkit.cli import main

sys.exit(main())
