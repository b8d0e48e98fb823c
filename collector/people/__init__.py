"""People who sign in: accounts, passwords, sessions, tokens, single sign-on."""
