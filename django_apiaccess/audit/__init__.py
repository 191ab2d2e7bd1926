"""The security audit's engine: rules, findings, the run, and its reports. It knows no rule: each feature has its own in its `audit.py`."""
