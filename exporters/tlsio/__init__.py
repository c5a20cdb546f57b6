"""TLS beyond HTTP: options, what a handshake showed, how old a protocol a server still accepts."""
