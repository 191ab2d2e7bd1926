"""Second factors: what somebody has, how one is proven, who must have one. `service` is the only place where anything is verified."""
