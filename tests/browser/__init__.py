"""The app in a real Chromium. A package, so that its browser can end with the last of its tests."""
