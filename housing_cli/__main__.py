"""`python -m housing_cli` is the `housing` command."""

from housing_cli import garbage


def main() -> None:
    """Run the command line."""
    garbage.pause()
    from housing_cli.cli import main as run

    run()


if __name__ == "__main__":
    main()
