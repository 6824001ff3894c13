"""What a firm-quarter costs, beside peers in the same run. Never a timed test: machines differ, ratios hold."""
