"""What leaves the house: endpoints, channels, and the workers that see a message through."""
