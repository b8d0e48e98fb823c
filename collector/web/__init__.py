"""Pages for people and the read API: server-rendered, without JavaScript."""
