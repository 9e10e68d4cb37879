"""The command line: tables for people, in rupees and IST; `--json` for scripts."""
