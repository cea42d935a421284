"""`python -m equigen` and the console script."""

import os

# Every matrix here is small: threads that share one product would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from equigen.cli import main

if __name__ == "__main__":
    main()
