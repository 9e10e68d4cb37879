"""A SmartAPI-compatible broker simulator: a separate process that talks to nobody."""
