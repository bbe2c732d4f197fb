//! Places where a test can kill the process or plant a defect. Compiled out unless the feature `failpoints` is on.
//!
//! `FAILPOINTS="journal.renamed=return"` kills the process with SIGKILL's effect at the first passage,
//! `"journal.renamed=3*off->return"` at the fourth. `"journal.renamed=1*return(stop)"` freezes it there with SIGSTOP's
//! effect, until somebody sends SIGCONT. A defect is switched on the same way, under its own name.

/// Reads `FAILPOINTS` from the environment. Called once, by the binary.
pub fn setup() {
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

/// A step between two durable things. A test may end the process here, at once and without any clean-up, or freeze it.
#[inline]
pub fn point(name: &str) {
    #[cfg(feature = "failpoints")]
    match fail::eval(name, |action| action) {
        Some(Some(action)) if action == "stop" => freeze(),
        Some(_) => die(),
        None => {}
    }
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}

/// Whether the planted defect `name` is on. Always false in a release build.
#[inline]
pub fn defect(name: &str) -> bool {
    #[cfg(feature = "failpoints")]
    return fail::eval(name, |_| ()).is_some();
    #[cfg(not(feature = "failpoints"))]
    {
        let _ = name;
        false
    }
}

#[cfg(feature = "failpoints")]
fn die() -> ! {
    let me = rustix::process::getpid();
    let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    // The signal is on its way; nothing may run until it arrives.
    loop {
        std::thread::park();
    }
}

/// Goes on when the process is woken.
#[cfg(feature = "failpoints")]
fn freeze() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}
