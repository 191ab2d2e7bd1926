"""What one authenticated request costs: we and our peers, measured side by side. See README.md."""
