# The recipes people need. Each fetches what it needs by itself.

.PHONY: demo test check walk bench pictures macos-check windows-test release

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
	cargo clippy --locked --no-default-features --lib --bins -- -D warnings
	cargo test --locked
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# That program and tests compile for macOS, on a machine that is none.
macos-check:
	bash tests/support/macos-check.sh

# The tests of Windows, under wine, where a toolchain for it is at hand.
windows-test:
	bash tests/support/windows-test.sh

# Random walks of three PCs, seed after seed, until one fails or you have seen enough.
walk:
	cargo test --locked --no-run
	seed=$$(date +%s); while CLOUD_SYNC_WALK_SEED=$$seed cargo test --locked --test main -- --exact cli::walk::pcs_to_which_everything_happens_end_alike; do seed=$$((seed + 1)); done; \
	echo "CLOUD_SYNC_WALK_SEED=$$seed"; false

# cloud-sync against what a player could run instead: the table in tests/bench.md and the README. Half an hour.
bench:
	bash tests/support/bench.sh

release:
	cargo build --release --locked

# A picture of every screen of the window, in target/pictures. Needs Xvfb, openbox, xdotool and ImageMagick.
pictures:
	CLOUD_SYNC_REQUIRE_WINDOW_TESTS=1 cargo test --locked --test main -- --ignored --exact cli::window::pictures --nocapture
