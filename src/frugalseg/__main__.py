"""``python -m frugalseg``, where the command itself is not on the path."""

from frugalseg.cli import main

if __name__ == "__main__":
    main()
