"""Services as they are commonly written, to compare with: each does less than the hub and checks nothing more."""
