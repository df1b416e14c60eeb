import sys

from flowcoll.cli import main

sys.exit(main())
