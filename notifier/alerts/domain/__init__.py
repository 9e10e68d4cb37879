"""What an alert is and when it fires: pure decisions over integers, no clock, no store."""
