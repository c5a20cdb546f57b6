"""Mail servers: replies and the conversation."""
