"""The processes: the application, the command line, settings, identity."""
