"""The benchmark of reading: how long `mathcircuits inspect` takes, with an empty cache of nulls and with a full one."""
