"""A file of feeds, FEEDS.toml: read, and checked as a whole before anything runs."""
