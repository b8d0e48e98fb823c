"""Values side by side, and flags where they disagree: shown to people, never acted upon."""
