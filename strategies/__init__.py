"""Sample strategies, written as a user would write them."""
