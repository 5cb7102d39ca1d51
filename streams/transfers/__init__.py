"""Transfers of cash from one tape to another: who sends the second half, or sends the first one back."""
