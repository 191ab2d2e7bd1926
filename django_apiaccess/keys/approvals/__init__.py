"""Keys that another person must approve (four eyes): the policy, the requests, and what becomes of them."""
