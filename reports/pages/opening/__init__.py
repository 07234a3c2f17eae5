"""The first screen of a study's page: its title line, three findings and a thumbnail of every task."""
