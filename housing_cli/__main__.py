"""`python -m housing_cli` is the `housing` command."""

import gc


def main() -> None:
    """Run the command line."""
    # Modules are no garbage: to look for some while they are made takes a twentieth of the time.
    gc.disable()
    from housing_cli.cli import main as run

    run()


if __name__ == "__main__":
    main()
