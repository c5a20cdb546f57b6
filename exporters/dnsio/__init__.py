"""Domain names: messages, exchanges with name servers, and what a name resolves to."""
