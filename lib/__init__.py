"""Express Ops: find, review, deactivate and verify Avara Express customers."""
