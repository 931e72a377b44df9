//! What a player, a launcher or a disk may get wrong: a clear message, an exit code, and nothing lost.
