# The recipes people need. Each fetches what it needs by itself.

.PHONY: demo test check release

# Two sample PCs with one folder as their cloud.
demo:
	cargo build --release --locked
	bash tests/support/demo.sh target/release/cloud-sync

# Every test, on the real restic and the real rest-server.
test:
	cargo test --locked

# What must hold before anything lands.
check:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo test --locked
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

release:
	cargo build --release --locked
