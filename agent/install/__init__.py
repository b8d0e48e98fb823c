"""Making the agent a service of this host, and taking it away again."""
