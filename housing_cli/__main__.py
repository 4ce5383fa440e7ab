"""`python -m housing_cli` is the `housing` command."""

from housing_cli.cli import main

if __name__ == "__main__":
    main()
