"""The server: what the command line does, over HTTP and WebSocket, for one person on this machine or behind a token."""
