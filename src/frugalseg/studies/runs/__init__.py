"""How runs are made: one function per kind, in processes of their own, each in a folder that is there whole or not at all."""
