"""What the operator wants: text -> Spec."""
