"""What a site's own machine can be asked: the kernel, batteries, a UPS, a modem."""
