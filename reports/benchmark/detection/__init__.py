"""The benchmark of detection: is what is declared there, and is what is there declared?"""
