"""What the fleet runs while it is being broken: a folder of strategies as a user has one."""
