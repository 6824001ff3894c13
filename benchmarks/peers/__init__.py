"""The same rules in other people's tools: numpy, mesa, mesa-frames, jax; and vc-fund-sim's model. See `python -m
benchmarks.peers`."""
