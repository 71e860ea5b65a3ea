"""`python -m pulsewise` is `pulsewise`."""

from pulsewise.cli.main import main

if __name__ == "__main__":
    main()
