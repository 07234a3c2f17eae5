"""Studies: from a configuration to tables: cells, workers, readings, what is compared, files and schemas."""
