"""Alert templates: what notifications say, in which language, on which channel."""
