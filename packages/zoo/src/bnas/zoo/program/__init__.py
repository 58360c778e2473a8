"""A packed network compiled to steps that run without torch: `program.program.Program`."""
