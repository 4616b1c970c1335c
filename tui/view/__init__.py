"""The dashboard: Textual screens over the frozen state of `tui.core`."""
