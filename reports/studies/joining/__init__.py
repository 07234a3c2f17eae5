"""Joining: what each condition gives to the tables of a study, made by any worker, and how the tables grow by it."""
