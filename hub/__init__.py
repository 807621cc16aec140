"""The hub: takes facts in over sockets and REST, shows judgements. It raises no flag and never imports workers."""
