"""Factorial studies: the tables of forms alone, and what each factor does to them."""
