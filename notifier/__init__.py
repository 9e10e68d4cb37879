"""The notifier: takes notifications, keeps those that matter, and brings them to whoever follows within milliseconds."""
