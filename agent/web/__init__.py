"""Web sites as a visitor sees them: fetching in bounded time and size, and reading pages."""
