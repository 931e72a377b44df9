//! The patterns that are built in.

/// What players miss on their other PC when it is not there.
pub const DEFAULT_INCLUDE: &[&str] = &[
    "saves/",
    "screenshots/",
    "options.txt",
    "optionsof.txt",
    "optionsshaders.txt",
    "servers.dat",
    "hotbar.nbt",
    "command_history.txt",
    "schematics/",
    "journeymap/data/",
    "journeymap/config/",
    "xaero/",
    "XaeroWaypoints/",
    "XaeroWorldMap/",
    "voxelmap/",
];

/// What lies among it and rebuilds itself. Inside a world only what is known by its full place: a world
/// is no whole one without a file that merely has such a name.
pub const DEFAULT_EXCLUDE: &[&str] = &[
    "saves/*/data/DistantHorizons.sqlite*",
    "saves/*/DIM*/data/DistantHorizons.sqlite*",
    "saves/*/dimensions/**/data/DistantHorizons.sqlite*",
    "saves/*/voxy/",
    "voxelmap/cache/",
    "xaero/cache/",
];

/// The same outside `saves`: rebuilt, temporary or of this PC alone.
pub const OUTSIDE_EXCLUDE: &[&str] = &[
    "*/**/logs/",
    "*/**/cache/",
    "*/**/.cache/",
    "*/**/*.tmp",
    "*/**/Distant_Horizons_server_data/",
    "**/.DS_Store",
    "**/Thumbs.db",
    "**/desktop.ini",
];

/// Never synced, whatever `scope.json` says: the game's lock, and what is ours, also where a link leads
/// to another instance.
pub const ALWAYS_EXCLUDE: &[&str] = &["**/.cloud-sync/", "saves/*/session.lock", "config/axiom/.license"];

/// The same outside `saves`: who the player is.
pub const SECRETS: &[&str] = &[
    "**/session.lock",
    "**/accounts.json",
    "**/microsoft_accounts.json",
    "**/launcher_accounts*.json",
    "**/launcher_profiles.json",
    "**/launcher_msa_credentials*",
    "**/credentials.*",
    "**/tokens.json",
    "**/auth.json",
    "**/.env*",
];

/// What a cloud-sync that was killed left of a copy.
pub const UNFINISHED: &str = "**/.cloud-sync-new-*";

/// Our own folder, as the parsed pattern has it.
pub const OURS: &str = "**/.cloud-sync";
