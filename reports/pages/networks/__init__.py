"""Networks on pages: the data that a study's page draws one from, its figures, and a page of one network."""
