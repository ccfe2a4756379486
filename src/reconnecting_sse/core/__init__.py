"""What a subscription decides: no socket, clock, thread, task or log is in reach."""
