"""The versions of the journal's schema, each a step from the one before it. What a version says never changes afterwards."""
