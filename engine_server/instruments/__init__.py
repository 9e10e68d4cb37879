"""What can be traded or watched: today's scrip master as the engine reads it."""
