"""The terminal: tables and texts that fit a line, progress, files that are written on request."""
