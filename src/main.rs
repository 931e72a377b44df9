//! The program. All of it is in the library.

fn main() {
    // Not an `ExitCode`, which has eight bits; the game's has 32 on Windows.
    std::process::exit(cloud_sync::main().code());
}
