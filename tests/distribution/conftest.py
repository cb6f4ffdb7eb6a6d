"""What runs as a program, with another installation of the package, is no module of tests."""

collect_ignore = ["use_core.py"]
