"""The gRPC edge: proto ⇄ domain, nothing else."""
