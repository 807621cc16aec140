"""The hub: takes events from clients, serves REST and the live board. It raises no flag and never imports workers."""
