"""The feed: the broker's tick socket, scrip master and clock on one side, Redis on the other. It places no orders."""
