"""Services as they are commonly written, for comparison. Each does less than the hub."""
