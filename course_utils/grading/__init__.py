"""Grade submissions that nobody trusts: `course grade`."""
