//! A panic is the end of the process, in words of our own.

use std::panic::{self, PanicHookInfo};

use crate::exit::Exit;

/// Makes a panic in any thread the end of the process, in the words of `say`. The next run tidies
/// up what this one leaves, as after any end.
#[expect(clippy::exit, reason = "there is nobody left who could return")]
pub fn end_on_panic(say: impl Fn(&PanicHookInfo<'_>) + Send + Sync + 'static) {
    panic::set_hook(Box::new(move |info| {
        say(info);
        std::process::exit(Exit::Failed.code());
    }));
}
