"""Regimen parts: what the parts of the regimens benchmark are called in its table, for the sections and the charts."""

OSIER, COMPRESS, RESCUE, PRESETS_PART = "osier", "compress", "rescue", "presets"
PREDICTION, DIAGNOSIS = "prediction", "diagnosis"
