"""One file per protocol generation: how a client shakes hands, who beats the heart, how packets
are written. All of them meet in the one registry of ``core``."""
