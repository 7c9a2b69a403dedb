"""The few places where the outside world is touched: clock, processes, files. Each has a real and a fake side."""
