"""The Avara Express API: typed records, a pure protocol, and one HTTP client."""
