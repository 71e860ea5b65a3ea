"""From files to windows that cannot leak: open, align, window, store, split."""
