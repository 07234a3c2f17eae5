"""The sections of a study's page that are more than a figure of its tables."""
