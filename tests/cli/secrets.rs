//! Nothing secret in arguments, logs or output, and nothing of the environment gets through to restic.
