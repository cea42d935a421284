"""`python -m equigen` and the console script."""

from equigen.cli import main

if __name__ == "__main__":
    main()
