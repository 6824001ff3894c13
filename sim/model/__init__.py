"""The model: one folder a mechanism, each with parameters (what a scenario says), rules (arrays) and a kernel."""
