"""The hub: takes facts in over sockets and REST, shows judgements. It never concludes and never imports workers."""
